/* What the NIC has counted goes to the card file: before a completion is handed out, when the NIC rests, and now and then
 * while packets flow. */
#include "internal.h"

#include <string.h>

void nic_flush_counters(gaudi_nic *nic)
{
    nic->flushed_ns = nic_now_ns();
    if (!nic->is_delta_dirty)
        return;
    /* A card that cannot be written any more is one that nobody reads. */
    (void)gaudi_card_count_ports(nic->card, nic->delta, NULL);
    memset(nic->delta, 0, sizeof *nic->delta);
    nic->is_delta_dirty = false;
}
