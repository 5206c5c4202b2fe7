/* Builds for other processors than x86: only the plain variants exist. */
#include "crc32c_kernel.h"
#include "elementwise_kernel.h"
#include "mme_kernel.h"
#include "mover_kernel.h"

const struct mme_kernel *mme_probe_kernel(enum mme_variant variant)
{
    (void)variant;
    return NULL;
}

crc32c_function *crc32c_probe(void)
{
    return crc32c_plain;
}

const struct ew_functions *ew_probe(void)
{
    return &ew_functions_plain;
}

const struct mv_functions *mv_probe(void)
{
    return &mv_functions_plain;
}
