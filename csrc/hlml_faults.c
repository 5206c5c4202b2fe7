/* The vendor's own way to inject an error. Not there yet: see docs/hlml.md. */
#include "hlml_internal.h"

HLML_EXPORT hlml_return_t hlml_device_err_inject(hlml_device_t device, hlml_err_inject_t err_type)
{
    HLML_SCOPED hlml_call call = {0};
    hlml_return_t code = hlml_enter(&call, device, err_type < HLML_ERR_INJECT_COUNT);
    return code != HLML_SUCCESS ? code : HLML_ERROR_NOT_SUPPORTED;
}
