/* Places where a test lets a writer die. They exist in the test build only (GAUDI_KILL_POINTS, tests/c/kill_points.c); any
 * other build has nothing there. A name says what has just been done. */
#ifndef GAUDI_KILL_POINT_H
#define GAUDI_KILL_POINT_H

#ifdef GAUDI_KILL_POINTS
void gaudi_kill_point(const char *name);
#else
#define gaudi_kill_point(name) ((void)0)
#endif

#endif
