/* The boxes that are built in, so that hlml_init needs neither Python nor a file of ours. */
#include "card_internal.h"

#include <errno.h>
#include <string.h>

static const char DEFAULT_TYPE[] = "hls2";

int gaudi_default_box(const char *type, const gaudi_box_identity **identity, const gaudi_card_image **cards,
                      size_t *card_count, gaudi_error *error)
{
    const char *wanted = type && type[0] ? type : DEFAULT_TYPE;
    for (const gaudi_embedded_box *box = gaudi_embedded_boxes; box->type; box++) {
        if (strcmp(box->type, wanted) == 0) {
            *identity = (const void *)box->identity; /* aligned where it is defined */
            *cards = (const void *)box->cards;
            *card_count = box->card_count;
            return 0;
        }
    }
    return gaudi_fail(error, -EINVAL, "GAUDI_BOX_TYPE='%.40s' is no built-in box; 'gaudi-box up --list' shows them",
                      wanted);
}
