/* The vendor's own way to inject an error. */
#include "hlml_internal.h"

_Static_assert((int)HLML_ERR_INJECT_ENDLESS_COMMAND == (int)GAUDI_BREAKDOWN_ENDLESS_COMMAND, "same numbers");
_Static_assert((int)HLML_ERR_INJECT_NON_FATAL_EVENT == (int)GAUDI_BREAKDOWN_NON_FATAL_EVENT, "same numbers");
_Static_assert((int)HLML_ERR_INJECT_FATAL_EVENT == (int)GAUDI_BREAKDOWN_FATAL_EVENT, "same numbers");
_Static_assert((int)HLML_ERR_INJECT_LOSS_OF_HEARTBEAT == (int)GAUDI_BREAKDOWN_HEARTBEAT, "same numbers");
_Static_assert((int)HLML_ERR_INJECT_THERMAL_EVENT == (int)GAUDI_BREAKDOWN_THERMAL_EVENT, "same numbers");

static int break_card(gaudi_card *card, unsigned int what)
{
    return gaudi_card_break(card, (enum gaudi_breakdown)what, NULL);
}

HLML_EXPORT hlml_return_t hlml_device_err_inject(hlml_device_t device, hlml_err_inject_t err_type)
{
    HLML_SCOPED hlml_call call = {0};
    hlml_return_t code = hlml_enter(&call, device, err_type < HLML_ERR_INJECT_COUNT);
    return code != HLML_SUCCESS ? code : hlml_code_of(hlml_write(&call, break_card, (unsigned int)err_type));
}
