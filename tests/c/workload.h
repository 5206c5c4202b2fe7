/* Random changes of a card, every way of writing that there is. What they write obeys the laws of state_check.h. */
#ifndef WORKLOAD_H
#define WORKLOAD_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "card_internal.h"

enum { WORKLOAD_KINDS = 15 };

static inline unsigned int workload_draw(unsigned int *seed, unsigned int bound)
{
    return (unsigned int)rand_r(seed) % bound;
}

static inline int write_activity(gaudi_card *card, unsigned int *seed)
{
    double activity[GAUDI_ENGINE_COUNT];
    for (size_t e = 0; e < GAUDI_ENGINE_COUNT; e++)
        activity[e] = workload_draw(seed, 11) / 10.0;
    return gaudi_card_publish_activity(card, activity, 1.0 + workload_draw(seed, 3), NULL);
}

static inline int write_conditions(gaudi_card *card, unsigned int *seed)
{
    static const double AIR[] = {0.1, 0.4, 1.0};
    gaudi_conditions conditions = {.ambient_c = 24.5 + workload_draw(seed, 10), .airflow = AIR[workload_draw(seed, 3)],
                                   .clock_ceiling = 1.0};
    return gaudi_card_set_conditions(card, &conditions, NULL);
}

static inline int write_ecc(gaudi_card *card)
{
    gaudi_rows delta;
    memset(&delta, 0, sizeof delta);
    for (size_t i = 0; i < 2; i++) {
        delta.hbm_corrected[i] = 1;
        delta.hbm_uncorrected[i] = 1;
        delta.sram_uncorrected[i] = 1;
    }
    return gaudi_card_count_ecc(card, &delta, NULL);
}

static inline int write_fault(gaudi_card *card, unsigned int *seed)
{
    uint64_t number = workload_draw(seed, 1000000);
    gaudi_fault fault = {.kind = 1 + workload_draw(seed, 3), .degree = 1.0, .seed = number, .address = number,
                         .parameter = {number, number}};
    int rc = gaudi_card_add_fault(card, &fault, NULL);
    return rc == -ENOSPC ? gaudi_card_remove_faults(card, 0, NULL) : rc;
}

static inline int write_hit(gaudi_card *card)
{
    gaudi_faults faults;
    int rc = gaudi_card_read_faults(card, &faults);
    if (rc != 0 || faults.count == 0)
        return rc;
    rc = gaudi_card_hit_fault(card, &faults.fault[0], 1, NULL);
    return rc == -ENOENT ? 0 : rc; /* somebody else healed it */
}

static inline int write_holder_change(gaudi_card *card)
{
    int rc = gaudi_card_acquire(card, NULL, NULL);
    if (rc == -EBUSY)
        return 0;
    if (rc == 0)
        rc = gaudi_card_publish_memory(card, UINT64_C(5) << 30, NULL);
    gaudi_card_release(card);
    return rc;
}

static inline int write_something(gaudi_box *box, gaudi_card *card, unsigned int *seed)
{
    switch (workload_draw(seed, WORKLOAD_KINDS)) {
    case 0: return gaudi_card_publish_memory(card, (uint64_t)workload_draw(seed, 90) << 30, NULL);
    case 1: return gaudi_card_count_launches(card, 1, NULL);
    case 2: return gaudi_card_count_pcie(card, workload_draw(seed, 1 << 24), workload_draw(seed, 1 << 24), NULL);
    case 3: return gaudi_card_set_limit(card, 200000 + 1000 * workload_draw(seed, 351), NULL);
    case 4: return write_conditions(card, seed);
    case 5: return write_ecc(card);
    case 6: return write_fault(card, seed);
    case 7: return write_hit(card);
    case 8: return gaudi_card_remove_faults(card, 1, NULL);
    case 9: return write_holder_change(card);
    case 10: return gaudi_card_post_event(card, GAUDI_EVENT_ECC_CORRECTED, workload_draw(seed, 100));
    case 11: return gaudi_box_set_link(box, 0, workload_draw(seed, 24), workload_draw(seed, 2) != 0, NULL);
    case 12: return gaudi_card_reset(card, 1000000, NULL);
    case 13: return gaudi_box_clock_set(box, -1.0, workload_draw(seed, 1000000), NULL);
    default: return write_activity(card, seed);
    }
}

/* The box that tests write to: the first built-in one at DIRECTORY/NAME. */
static inline int make_workload_box(char *path, size_t size, const char *directory, const char *name)
{
    const gaudi_box_identity *identity = NULL;
    const gaudi_card_image *cards = NULL;
    size_t count = 0;
    snprintf(path, size, "%s/%s", directory, name);
    int rc = gaudi_default_box("hls2", &identity, &cards, &count, NULL);
    return rc != 0 ? rc : gaudi_box_create(path, identity, cards, count, -1, NULL);
}

#endif
