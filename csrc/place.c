#include "card_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

static const char SYSTEM_PLACE[] = "/run/gaudi";
static const char USER_PLACE[] = "/dev/shm/gaudi-";

static bool exists(const char *path)
{
    struct stat st;
    return lstat(path, &st) == 0;
}

/* [A-Za-z0-9._-]{1,64}, and neither "." nor "..". */
static bool is_name(const char *text)
{
    size_t length = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");
    return length >= 1 && length <= GAUDI_NAME_LENGTH && text[length] == '\0' && strcmp(text, ".") != 0 &&
           strcmp(text, "..") != 0;
}

/* The environment of a setuid program belongs to somebody else. */
static const char *trusted_environment(const char *key)
{
    const char *value = getauxval(AT_SECURE) ? NULL : getenv(key);
    return value && value[0] ? value : NULL;
}

static void user_path(char *path, const char *uid, const char *name)
{
    snprintf(path, GAUDI_PATH_LENGTH, "%s%s/%s", USER_PLACE, uid, name);
}

/* The uid of the user behind sudo, or NULL: digits only. */
static const char *sudo_uid(void)
{
    const char *uid = geteuid() == 0 ? trusted_environment("SUDO_UID") : NULL;
    if (!uid || strlen(uid) > 10 || uid[strspn(uid, "0123456789")] != '\0' || strcmp(uid, "0") == 0)
        return NULL;
    return uid;
}

static void find_by_name(gaudi_place *place, const char *name)
{
    char system[GAUDI_PATH_LENGTH];
    char own[GAUDI_PATH_LENGTH];
    char euid[16];
    snprintf(euid, sizeof euid, "%lu", (unsigned long)geteuid());
    snprintf(system, sizeof system, "%s/%s", SYSTEM_PLACE, name);
    user_path(own, euid, name);
    bool is_own = exists(own);
    snprintf(place->name, sizeof place->name, "%.64s", name);
    if (exists(system)) {
        place->reason = GAUDI_PLACE_SYSTEM;
        snprintf(place->path, sizeof place->path, "%s", system);
        if (is_own)
            snprintf(place->other, sizeof place->other, "%s", own);
        place->exists = true;
        return;
    }
    place->reason = GAUDI_PLACE_USER;
    snprintf(place->path, sizeof place->path, "%s", own);
    place->exists = is_own;
    const char *uid = is_own ? NULL : sudo_uid();
    if (uid) {
        char theirs[GAUDI_PATH_LENGTH];
        user_path(theirs, uid, name);
        if (exists(theirs)) {
            place->reason = GAUDI_PLACE_SUDO_USER;
            snprintf(place->path, sizeof place->path, "%s", theirs);
            place->exists = true;
        }
    }
}

int gaudi_place_find(gaudi_place *place, gaudi_error *error)
{
    const char *wanted = trusted_environment("GAUDI_BOX");
    gaudi_place found;
    memset(&found, 0, sizeof found);
    if (!wanted) {
        find_by_name(&found, "default");
        found.is_implicit = true;
    } else if (wanted[0] == '/') {
        if (strlen(wanted) >= GAUDI_PATH_LENGTH - 64)
            return gaudi_fail(error, -EINVAL, "GAUDI_BOX is too long a path; it may have %d characters",
                              GAUDI_PATH_LENGTH - 65);
        found.reason = GAUDI_PLACE_ENVIRONMENT_PATH;
        size_t length = strlen(wanted);
        while (length > 1 && wanted[length - 1] == '/')
            length--;
        snprintf(found.path, sizeof found.path, "%.*s", (int)length, wanted);
        const char *slash = strrchr(found.path, '/');
        snprintf(found.name, sizeof found.name, "%.64s", slash[1] ? slash + 1 : "box");
        found.exists = exists(found.path);
    } else if (is_name(wanted)) {
        find_by_name(&found, wanted);
        if (found.reason == GAUDI_PLACE_USER)
            found.reason = GAUDI_PLACE_ENVIRONMENT_NAME;
    } else {
        return gaudi_fail(error, -EINVAL,
                          "GAUDI_BOX='%.80s' is neither an absolute path nor a name of letters, digits, '.', '_', '-'",
                          wanted);
    }
    *place = found;
    return 0;
}
