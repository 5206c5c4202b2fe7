/* Memory regions: which bytes of the card peers and work requests may touch, and how. */
#include "internal.h"

#include <errno.h>

/* A key is the place in the table and, above it, a number that changes, so that a key of before does not fit any more. */
enum { KEY_PLACE_BITS = 10, KEY_PLACE_MASK = NIC_MR_MAX - 1 };

int gaudi_mr_register(gaudi_nic *nic, uint32_t pd, void *bytes, uint64_t address, uint64_t size, uint32_t access,
                      uint32_t *key, gaudi_error *error)
{
    static const uint32_t ALL = GAUDI_ACCESS_LOCAL_WRITE | GAUDI_ACCESS_REMOTE_WRITE | GAUDI_ACCESS_REMOTE_READ;
    if (!bytes || size == 0 || address + size < address)
        return nic_fail(error, -EINVAL, "a memory region of %llu bytes at 0x%llx", (unsigned long long)size,
                        (unsigned long long)address);
    if ((access & ~ALL) || ((access & GAUDI_ACCESS_REMOTE_WRITE) && !(access & GAUDI_ACCESS_LOCAL_WRITE)))
        return nic_fail(error, -EINVAL, "access rights 0x%x: remote write needs local write", access);
    int rc = -ENOSPC;
    nic_lock(nic);
    for (uint32_t i = 0; i < NIC_MR_MAX; i++) {
        nic_mr *mr = &nic->mr[i];
        if (mr->bytes)
            continue;
        nic->mr_generation += 1;
        *mr = (nic_mr){.bytes = bytes, .address = address, .size = size, .pd = pd, .access = access,
                       .key = nic->mr_generation << KEY_PLACE_BITS | i};
        *key = mr->key;
        rc = 0;
        break;
    }
    nic_unlock(nic);
    return rc == 0 ? 0 : nic_fail(error, rc, "all %d memory regions are in use; deregister some", NIC_MR_MAX);
}

int gaudi_mr_deregister(gaudi_nic *nic, uint32_t key, gaudi_error *error)
{
    nic_lock(nic);
    nic_mr *mr = &nic->mr[key & KEY_PLACE_MASK];
    bool is_found = mr->bytes && mr->key == key;
    if (is_found) {
        *mr = (nic_mr){0};
        /* What is on its way to or from it ends in a protection error instead of touching freed bytes. */
        for (uint32_t i = 0; i < nic->qp_count_max; i++) {
            if (nic->qp[i])
                qp_forget_key(nic->qp[i], key);
        }
    }
    nic_unlock(nic);
    return is_found ? 0 : nic_fail(error, -ENOENT, "there is no memory region with key 0x%x", key);
}

uint8_t *nic_resolve(gaudi_nic *nic, uint32_t pd, uint32_t key, uint64_t address, uint64_t length, uint32_t needed)
{
    nic_mr *mr = &nic->mr[key & KEY_PLACE_MASK];
    if (!mr->bytes || mr->key != key || mr->pd != pd || (mr->access & needed) != needed)
        return NULL;
    if (address < mr->address || length > mr->size || address - mr->address > mr->size - length)
        return NULL;
    return mr->bytes + (address - mr->address);
}
