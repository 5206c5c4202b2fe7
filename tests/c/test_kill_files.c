/* Whoever makes, replaces or takes down a box dies at every kill point on the way and at random moments: what is left is a
 * whole box, a box that everybody knows to be gone, or none; a reader that was attached never looks at an orphan that seems
 * healthy; the next one who makes a box succeeds and clears up. Built with GAUDI_KILL_POINTS.
 *
 * Arguments: an empty directory, deaths at each point, deaths at random moments. Last line: "N passed, N failed". */
#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <sys/stat.h>

#include "kill_points.h"
#include "workload.h"

enum { RANDOM_SPINS = 2000000, ENDLESS = 1000000 };

static const char *directory;
static char path[GAUDI_PATH_LENGTH];
static unsigned long checks;
static unsigned long failures;

static void check(bool is_right, const char *what, const char *detail)
{
    checks++;
    if (!is_right && ++failures <= 10)
        fprintf(stderr, "wrong: %s %s\n", what, detail);
}

/* Make, replace and take down, twice over. */
static void change_boxes(const void *with, unsigned int seed)
{
    int rounds = *(const int *)with;
    for (int i = 0; i < rounds; i++) {
        if (make_workload_box(path, sizeof path, directory, "box") != 0)
            _exit(3);
        if (workload_draw(&seed, 2) == 0 && gaudi_box_retire(path, 1, NULL) != 0)
            _exit(4);
    }
}

static bool is_same_file(const char *where, ino_t inode)
{
    char name[GAUDI_PATH_LENGTH];
    struct stat st;
    snprintf(name, sizeof name, "%.480s/box", where);
    return stat(name, &st) == 0 && st.st_ino == inode;
}

static ino_t inode_of_box(const char *where)
{
    char name[GAUDI_PATH_LENGTH];
    struct stat st;
    snprintf(name, sizeof name, "%.480s/box", where);
    return stat(name, &st) == 0 ? st.st_ino : 0;
}

static int count_entries(void)
{
    int count = 0;
    DIR *dir = opendir(directory);
    const struct dirent *entry = NULL;
    while (dir && (entry = readdir(dir)) != NULL)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    if (dir)
        closedir(dir);
    return count;
}

/* `before` was attached when the child began; its file had this inode. */
static void check_after(gaudi_box *before, ino_t inode, const char *where)
{
    gaudi_box *now = NULL;
    gaudi_reading reading;
    check(gaudi_box_alive(before) != 0 || is_same_file(path, inode), "no healthy orphan after death at", where);
    int rc = gaudi_box_open_path(&now, path, false, NULL);
    check(rc == 0 || rc == -ENOENT || rc == -ESTALE, "a whole box, a retired one or none after death at", where);
    check(rc != 0 || (gaudi_box_card_count(now) == 8 && gaudi_card_read(gaudi_box_card(now, 7), &reading) == 0),
          "a box that is found is whole after death at", where);
    gaudi_box_close(now);
}

static void die_once(const char *where, unsigned int pass, unsigned int spins, unsigned int seed)
{
    gaudi_box *before = NULL;
    int rounds = ENDLESS;
    check(make_workload_box(path, sizeof path, directory, "box") == 0, "the next one succeeds before", where);
    check(count_entries() == 1, "and clears up before", where);
    check(gaudi_box_open_path(&before, path, false, NULL) == 0, "attach before", where);
    if (!before)
        return;
    ino_t inode = inode_of_box(path);
    pid_t child = start_child(change_boxes, &rounds, seed, where, pass);
    if (spins) {
        for (unsigned int i = 0; i < spins; i++)
            __asm__ volatile("" ::: "memory");
        sched_yield();
        kill(child, SIGKILL);
    }
    check(is_killed(child), "dies at", where);
    check_after(before, inode, where);
    gaudi_box_close(before);
}

int main(int argc, char **argv)
{
    int rounds = 8;
    int status = 1;
    unsigned int draw = 99;
    if (argc != 4 || !points_init())
        return 2;
    directory = argv[1];
    snprintf(path, sizeof path, "%s/box", directory);
    waitpid(start_child(change_boxes, &rounds, 3, NULL, 0), &status, 0);
    check(status == 0, "survey", "of the points");
    fatal_point = "none here";
    unsigned long each = strtoul(argv[2], NULL, 10);
    unsigned long random = strtoul(argv[3], NULL, 10);
    for (unsigned long i = 0; i < each * points->count; i++) {
        point *p = &points->points[i % points->count];
        die_once(p->name, p->passes < 8 ? 1 : 1 + (unsigned int)i % 2, 0, (unsigned int)i);
        p->deaths++;
        show_progress("deaths of makers at kill points", i + 1, each * points->count);
    }
    for (unsigned long i = 0; i < random; i++) {
        die_once("a random moment", 1, 1 + workload_draw(&draw, RANDOM_SPINS), (unsigned int)i);
        show_progress("deaths of makers at random moments", i + 1, random);
    }
    for (size_t i = 0; i < points->count; i++)
        printf("%-32s %llu deaths\n", points->points[i].name, (unsigned long long)points->points[i].deaths);
    (void)make_workload_box(path, sizeof path, directory, "box");
    check(gaudi_box_retire(path, 1, NULL) == 0 && count_entries() == 0, "nothing is left", "in the end");
    printf("%lu passed, %lu failed\n", checks - failures, failures);
    return failures != 0;
}
