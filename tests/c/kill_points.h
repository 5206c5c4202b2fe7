/* The test side of csrc/kill_point.h: survey which points a piece of work passes, and die at a chosen one. A program that
 * includes this is built with GAUDI_KILL_POINTS and has one thread. */
#ifndef KILL_POINTS_H
#define KILL_POINTS_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kill_point.h"

#ifndef GAUDI_KILL_POINTS
#error "build with -DGAUDI_KILL_POINTS"
#endif

enum { POINTS_MAX = 64, POINT_NAME = 48, CHILD_LIMIT_S = 20 };

typedef struct point {
    char name[POINT_NAME];
    uint64_t passes; /* while surveyed */
    uint64_t deaths;
} point;

/* Shared by the program and its children. */
typedef struct survey {
    size_t count;
    point points[POINTS_MAX];
} survey;

static survey *points;          /* mapped by points_init */
static const char *fatal_point; /* where this process dies; NULL: it surveys */
static unsigned int fatal_pass; /* at the how manieth pass, from 1 */

void gaudi_kill_point(const char *name);

void gaudi_kill_point(const char *name)
{
    if (fatal_point) {
        if (strcmp(name, fatal_point) == 0 && --fatal_pass == 0)
            raise(SIGKILL);
        return;
    }
    size_t i = 0;
    while (i < points->count && strcmp(points->points[i].name, name) != 0)
        i++;
    if (i == points->count && i < POINTS_MAX)
        snprintf(points->points[points->count++].name, POINT_NAME, "%s", name);
    if (i < POINTS_MAX)
        points->points[i].passes++;
}

static inline bool points_init(void)
{
    points = mmap(NULL, sizeof *points, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return points != MAP_FAILED;
}

/* Whoever ends the program by force leaves nobody behind. */
static inline void die_with_parent(void)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
}

/* What a child does; it ends the process. */
typedef void (*child_work)(const void *with, unsigned int seed);

static inline pid_t start_child(child_work work, const void *with, unsigned int seed, const char *where, unsigned int pass)
{
    pid_t child = fork();
    if (child != 0)
        return child;
    die_with_parent();
    fatal_point = where;
    fatal_pass = pass;
    alarm(CHILD_LIMIT_S);
    work(with, seed);
    _exit(0);
}

/* Did it die by SIGKILL, and not of hanging or of an error? */
static inline bool is_killed(pid_t child)
{
    int status = 0;
    return child > 0 && waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

/* One line a second to stderr for runs that take long. */
static inline void show_progress(const char *what, unsigned long done, unsigned long all)
{
    static time_t last;
    time_t now = time(NULL);
    if (all >= 5000 && now != last) {
        last = now;
        fprintf(stderr, "\r%s: %lu of %lu ", what, done, all);
        if (done == all)
            fputc('\n', stderr);
    }
}

#endif
