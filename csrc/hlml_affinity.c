/* Processors and memory near the card. */
#include "hlml_internal.h"

#include <sched.h>
#include <string.h>

enum { BITS = 64 };

HLML_EXPORT hlml_return_t hlml_device_get_cpu_affinity(hlml_device_t device, unsigned int cpu_set_size,
                                                       unsigned long *cpu_set)
{
    HLML_SCOPED hlml_call call = {0};
    hlml_return_t code = hlml_enter(&call, device, cpu_set && cpu_set_size > 0);
    if (code != HLML_SUCCESS)
        return code;
    for (unsigned int i = 0; i < cpu_set_size; i++)
        cpu_set[i] = i < GAUDI_CPU_WORDS ? gaudi_card_identity(call.card)->cpu_mask[i] : 0;
    return HLML_SUCCESS;
}

HLML_EXPORT hlml_return_t hlml_device_get_cpu_affinity_within_scope(hlml_device_t device, unsigned int cpu_set_size,
                                                                    unsigned long *cpu_set,
                                                                    hlml_affinity_scope_t scope)
{
    HLML_SCOPED hlml_call call = {0};
    bool is_valid = cpu_set && cpu_set_size > 0 && scope <= HLML_AFFINITY_SCOPE_SOCKET;
    hlml_return_t code = hlml_enter(&call, device, is_valid);
    /* The emulated hosts have one NUMA node a socket, so both scopes are the same processors. */
    return code != HLML_SUCCESS ? code : hlml_device_get_cpu_affinity(device, cpu_set_size, cpu_set);
}

HLML_EXPORT hlml_return_t hlml_device_get_memory_affinity(hlml_device_t device, unsigned int node_set_size,
                                                          unsigned long *node_set, hlml_affinity_scope_t scope)
{
    HLML_SCOPED hlml_call call = {0};
    bool is_valid = node_set && node_set_size > 0 && scope <= HLML_AFFINITY_SCOPE_SOCKET;
    hlml_return_t code = hlml_enter(&call, device, is_valid);
    if (code != HLML_SUCCESS)
        return code;
    int node = gaudi_card_identity(call.card)->numa_node;
    memset(node_set, 0, node_set_size * sizeof *node_set);
    if (node >= 0 && (unsigned int)node / BITS < node_set_size)
        node_set[node / BITS] = 1UL << (node % BITS);
    return HLML_SUCCESS;
}

HLML_EXPORT hlml_return_t hlml_device_set_cpu_affinity(hlml_device_t device)
{
    HLML_SCOPED hlml_call call = {0};
    cpu_set_t all;
    cpu_set_t near_card;
    hlml_return_t code = hlml_enter(&call, device, true);
    if (code != HLML_SUCCESS)
        return code;
    if (sched_getaffinity(0, sizeof all, &all) != 0)
        return HLML_ERROR_UNKNOWN;
    CPU_ZERO(&near_card);
    for (size_t cpu = 0; cpu < CPU_SETSIZE && cpu < GAUDI_CPU_WORDS * BITS; cpu++) {
        if (CPU_ISSET(cpu, &all) && gaudi_card_identity(call.card)->cpu_mask[cpu / BITS] >> (cpu % BITS) & 1)
            CPU_SET(cpu, &near_card);
    }
    /* The emulated server has other processors than this machine; without a common one nothing changes. */
    if (CPU_COUNT(&near_card) > 0 && sched_setaffinity(0, sizeof near_card, &near_card) != 0)
        return HLML_ERROR_UNKNOWN;
    return HLML_SUCCESS;
}

HLML_EXPORT hlml_return_t hlml_device_clear_cpu_affinity(hlml_device_t device)
{
    HLML_SCOPED hlml_call call = {0};
    cpu_set_t all;
    hlml_return_t code = hlml_enter(&call, device, true);
    if (code != HLML_SUCCESS)
        return code;
    memset(&all, 0xff, sizeof all); /* the kernel drops the processors that do not exist */
    return sched_setaffinity(0, sizeof all, &all) == 0 ? HLML_SUCCESS : HLML_ERROR_UNKNOWN;
}
