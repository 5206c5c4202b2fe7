/* The few calls that change a card. */
#include "hlml_internal.h"

#include <errno.h>

int hlml_write(const hlml_call *call, hlml_change change, unsigned int argument)
{
    const char *path = gaudi_box_path(call->box);
    size_t index = gaudi_card_identity(call->card)->minor;
    gaudi_box *box = NULL;
    if (path[0] == '\0') /* private to this process, and writable */
        return change(call->card, argument);
    int rc = gaudi_box_open_path(&box, path, true, NULL);
    if (rc == 0 && index >= gaudi_box_card_count(box))
        rc = -ESTALE;
    if (rc == 0)
        rc = change(gaudi_box_card(box, index), argument);
    gaudi_box_close(box);
    return rc;
}
