/* Put in front of every source of the card state and of libhlml, so that what is built on a new system runs on one with glibc
 * 2.28: from 2.33 on, fstat and lstat are symbols of their own; before, they were calls of __fxstat and __lxstat, which
 * every later glibc keeps. A target that is older by itself, and another C library, see nothing of this. */
#ifndef GAUDI_OLD_GLIBC_H
#define GAUDI_OLD_GLIBC_H

#include <sys/stat.h>

#if defined(__GLIBC__)
#if !__GLIBC_PREREQ(2, 33)
/* nothing to do */
#elif defined(__x86_64__)
#define GAUDI_GLIBC_BASE "GLIBC_2.2.5"
#define GAUDI_STAT_VERSION 1 /* _STAT_VER_LINUX of the headers before 2.33 */
#elif defined(__aarch64__)
#define GAUDI_GLIBC_BASE "GLIBC_2.17"
#define GAUDI_STAT_VERSION 0
#endif
#endif

#ifdef GAUDI_GLIBC_BASE
__asm__(".symver gaudi_old_fxstat, __fxstat@" GAUDI_GLIBC_BASE);
__asm__(".symver gaudi_old_lxstat, __lxstat@" GAUDI_GLIBC_BASE);
int gaudi_old_fxstat(int version, int fd, struct stat *st);
int gaudi_old_lxstat(int version, const char *path, struct stat *st);
#define fstat(fd, st) gaudi_old_fxstat(GAUDI_STAT_VERSION, fd, st)
#define lstat(path, st) gaudi_old_lxstat(GAUDI_STAT_VERSION, path, st)
#endif

#endif
