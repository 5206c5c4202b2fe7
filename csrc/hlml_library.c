/* Init, shutdown, handles, versions.
 *
 * A box that was attached stays mapped after shutdown: the next init takes it again if it is still alive and meant, and
 * a getter of another thread that is inside a call never loses its mapping. Boxes that were replaced meanwhile wait in a
 * grave of fixed size before they are unmapped. */
#include "hlml_internal.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

enum { GRAVE_SIZE = 16 };

static struct {
    pthread_mutex_t mutex; /* guards everything but the two words that getters load */
    gaudi_box *active;     /* atomic: what getters use; NULL while not initialised */
    unsigned int level;    /* atomic */
    gaudi_box *kept;       /* the box of the last init */
    gaudi_box *grave[GRAVE_SIZE];
    size_t grave_next;
} library = {.mutex = PTHREAD_MUTEX_INITIALIZER};

/* Handles are addresses inside this array: real addresses (Go's runtime checks that), one a card, for ever. */
static struct {
    char anchor[64];
} handles[GAUDI_CARD_MAX];

gaudi_box *hlml_box(void)
{
    return __atomic_load_n(&library.active, __ATOMIC_ACQUIRE);
}

unsigned int hlml_abi_level(void)
{
    return __atomic_load_n(&library.level, __ATOMIC_RELAXED);
}

hlml_device_t hlml_handle_of(size_t index)
{
    return &handles[index];
}

hlml_return_t hlml_code_of(int rc)
{
    switch (rc) {
    case 0: return HLML_SUCCESS;
    case -ENODEV: return HLML_ERROR_DRIVER_NOT_LOADED;
    case -ESTALE:
    case -EIO: return HLML_ERROR_AIP_IS_LOST;
    case -ENOMEM: return HLML_ERROR_MEMORY;
    case -EINVAL: return HLML_ERROR_INVALID_ARGUMENT;
    case -EPERM:
    case -EACCES: return HLML_ERROR_NOT_SUPPORTED;
    default: return HLML_ERROR_UNKNOWN;
    }
}

hlml_return_t hlml_enter(hlml_device_t device, bool is_valid, gaudi_card **card)
{
    gaudi_box *box = hlml_box();
    if (!box)
        return HLML_ERROR_UNINITIALIZED;
    uintptr_t offset = (uintptr_t)device - (uintptr_t)handles; /* wraps around for a foreign address below */
    gaudi_card *found = offset % sizeof handles[0] == 0 ? gaudi_box_card(box, offset / sizeof handles[0]) : NULL;
    if (!found || !is_valid)
        return HLML_ERROR_INVALID_ARGUMENT;
    int rc = gaudi_card_present(found);
    if (rc != 0)
        return hlml_code_of(rc);
    *card = found;
    return HLML_SUCCESS;
}

hlml_return_t hlml_read(hlml_device_t device, bool is_valid, gaudi_card **card, gaudi_reading *reading)
{
    hlml_return_t code = hlml_enter(device, is_valid, card);
    return code != HLML_SUCCESS ? code : hlml_code_of(gaudi_card_read(*card, reading));
}

hlml_return_t hlml_need(const gaudi_card *card, enum gaudi_feature feature)
{
    return gaudi_card_identity(card)->lacks >> feature & 1 ? HLML_ERROR_NOT_SUPPORTED : HLML_SUCCESS;
}

hlml_return_t hlml_copy_text(const char *text, char *out, unsigned int length)
{
    size_t size = strlen(text) + 1;
    if (!out || length == 0)
        return HLML_ERROR_INVALID_ARGUMENT;
    if (size > length)
        return HLML_ERROR_INSUFFICIENT_SIZE;
    memcpy(out, text, size);
    return HLML_SUCCESS;
}

/* The level that HLML_ABI asks for, else that of the box. A value that is no level is an error, not a guess: a client
 * that set it relies on its structs not being overrun. Returns 0 then. */
static unsigned int level_of(const gaudi_box *box)
{
    static const struct {
        const char *name;
        unsigned int level;
    } LEVELS[] = {{"1.6", 106}, {"1.12", 112}, {"1.18", 118}, {"1.19", 119}};
    const char *wanted = getauxval(AT_SECURE) ? NULL : getenv("HLML_ABI");
    unsigned int level = gaudi_box_identity_of(box)->abi_level;
    for (size_t i = 0; i < sizeof LEVELS / sizeof LEVELS[0]; i++) {
        if (wanted && wanted[0] && strcmp(wanted, LEVELS[i].name) == 0)
            return LEVELS[i].level;
        if ((!wanted || !wanted[0]) && level == LEVELS[i].level)
            return level;
    }
    return 0;
}

static void explain(const char *text)
{
    if (!getauxval(AT_SECURE) && getenv("HLML_DEBUG"))
        fprintf(stderr, "hlml: %s\n", text);
}

/* Is the box of the last init still the one that the environment means? */
static bool is_still_meant(const gaudi_box *box)
{
    gaudi_place place;
    if (!box || gaudi_box_alive(box) != 0 || gaudi_place_find(&place, NULL) != 0)
        return false;
    return place.exists && strcmp(place.path, gaudi_box_path(box)) == 0;
}

static void bury(gaudi_box *box)
{
    gaudi_box **place = &library.grave[library.grave_next++ % GRAVE_SIZE];
    gaudi_box_close(*place);
    *place = box;
}

static hlml_return_t attach(void)
{
    gaudi_error error = {.text = ""};
    if (!is_still_meant(library.kept)) {
        gaudi_box *box = NULL;
        int rc = gaudi_box_open(&box, false, &error);
        if (rc != 0) {
            explain(error.text);
            return rc == -ENODEV ? HLML_ERROR_DRIVER_NOT_LOADED : HLML_ERROR_UNKNOWN;
        }
        bury(library.kept);
        library.kept = box;
    }
    unsigned int level = level_of(library.kept);
    if (level == 0) {
        explain("HLML_ABI is none of 1.6, 1.12, 1.18, 1.19");
        return HLML_ERROR_UNKNOWN;
    }
    __atomic_store_n(&library.level, level, __ATOMIC_RELAXED);
    __atomic_store_n(&library.active, library.kept, __ATOMIC_RELEASE);
    return HLML_SUCCESS;
}

HLML_EXPORT hlml_return_t hlml_init(void)
{
    pthread_mutex_lock(&library.mutex);
    hlml_return_t code = hlml_box() ? HLML_ERROR_ALREADY_INITIALIZED : attach();
    pthread_mutex_unlock(&library.mutex);
    return code;
}

HLML_EXPORT hlml_return_t hlml_init_with_flags(unsigned int flags)
{
    (void)flags;
    return hlml_init();
}

HLML_EXPORT hlml_return_t hlml_shutdown(void)
{
    pthread_mutex_lock(&library.mutex);
    hlml_return_t code = hlml_box() ? HLML_SUCCESS : HLML_ERROR_UNINITIALIZED;
    __atomic_store_n(&library.active, NULL, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&library.mutex);
    return code;
}

HLML_EXPORT hlml_return_t hlml_device_get_count(unsigned int *device_count)
{
    gaudi_box *box = hlml_box();
    if (!box)
        return HLML_ERROR_UNINITIALIZED;
    if (!device_count)
        return HLML_ERROR_INVALID_ARGUMENT;
    int rc = gaudi_box_alive(box);
    if (rc == 0)
        *device_count = (unsigned int)gaudi_box_card_count(box);
    return hlml_code_of(rc);
}

HLML_EXPORT hlml_return_t hlml_device_get_handle_by_index(unsigned int index, hlml_device_t *device)
{
    gaudi_box *box = hlml_box();
    if (!box)
        return HLML_ERROR_UNINITIALIZED;
    if (!device || index >= gaudi_box_card_count(box))
        return HLML_ERROR_INVALID_ARGUMENT;
    *device = hlml_handle_of(index);
    return HLML_SUCCESS;
}

/* "[domain:]bus:device.function" in hex. Old clients write the domain with three digits, so numbers are compared. */
static bool parse_bus_id(const char *text, unsigned int *domain, unsigned int *bus, unsigned int *slot)
{
    unsigned int function = 0;
    int end = 0;
    bool is_whole = sscanf(text, "%4x:%2x:%2x.%1x%n", domain, bus, slot, &function, &end) == 4 && text[end] == '\0';
    if (!is_whole) {
        *domain = 0;
        end = 0;
        is_whole = sscanf(text, "%2x:%2x.%1x%n", bus, slot, &function, &end) == 3 && text[end] == '\0';
    }
    return is_whole && strspn(text, "0123456789abcdefABCDEF:.") == strlen(text) && function == 0;
}

HLML_EXPORT hlml_return_t hlml_device_get_handle_by_pci_bus_id(const char *pci_addr, hlml_device_t *device)
{
    unsigned int domain = 0;
    unsigned int bus_number = 0;
    unsigned int slot = 0;
    gaudi_box *box = hlml_box();
    if (!box)
        return HLML_ERROR_UNINITIALIZED;
    if (!pci_addr || !device || !parse_bus_id(pci_addr, &domain, &bus_number, &slot))
        return HLML_ERROR_INVALID_ARGUMENT;
    for (size_t i = 0; i < gaudi_box_card_count(box); i++) {
        const gaudi_identity *identity = gaudi_card_identity(gaudi_box_card(box, i));
        if (identity->pci_domain == domain && identity->pci_bus == bus_number && identity->pci_device == slot) {
            *device = hlml_handle_of(i);
            return HLML_SUCCESS;
        }
    }
    return HLML_ERROR_NOT_FOUND;
}

HLML_EXPORT hlml_return_t hlml_device_get_handle_by_UUID(const char *uuid, hlml_device_t *device)
{
    gaudi_box *box = hlml_box();
    if (!box)
        return HLML_ERROR_UNINITIALIZED;
    if (!uuid || !device)
        return HLML_ERROR_INVALID_ARGUMENT;
    for (size_t i = 0; i < gaudi_box_card_count(box); i++) {
        if (strcmp(gaudi_card_identity(gaudi_box_card(box, i))->uuid, uuid) == 0) {
            *device = hlml_handle_of(i);
            return HLML_SUCCESS;
        }
    }
    return HLML_ERROR_NOT_FOUND;
}

HLML_EXPORT hlml_return_t hlml_get_hlml_version(char *version, unsigned int length)
{
    gaudi_box *box = hlml_box();
    return box ? hlml_copy_text(gaudi_box_identity_of(box)->hlml_version, version, length) : HLML_ERROR_UNINITIALIZED;
}

HLML_EXPORT hlml_return_t hlml_get_driver_version(char *driver_version, unsigned int length)
{
    gaudi_box *box = hlml_box();
    if (!box)
        return HLML_ERROR_UNINITIALIZED;
    return hlml_copy_text(gaudi_box_identity_of(box)->driver_version, driver_version, length);
}

HLML_EXPORT hlml_return_t hlml_get_nic_driver_version(char *driver_version, unsigned int length)
{
    gaudi_box *box = hlml_box();
    if (!box)
        return HLML_ERROR_UNINITIALIZED;
    return hlml_copy_text(gaudi_box_identity_of(box)->nic_driver_version, driver_version, length);
}
