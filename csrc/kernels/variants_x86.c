/* Which CPU variants this x86 machine can run. */
#define _GNU_SOURCE
#include "crc32c_kernel.h"
#include "elementwise_kernel.h"
#include "mme_kernel.h"
#include "mover_kernel.h"

#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Intel SDM volume 2, CPUID; volume 1, XCR0. */
enum {
    LEAF1_ECX_PCLMULQDQ = 1 << 1,
    LEAF1_ECX_FMA = 1 << 12,
    LEAF1_ECX_SSE42 = 1 << 20,
    LEAF1_ECX_OSXSAVE = 1 << 27,
    LEAF1_ECX_AVX = 1 << 28,
    LEAF7_ECX_VPCLMULQDQ = 1 << 10,
    LEAF7_EBX_AVX2 = 1 << 5,
    LEAF7_EBX_AVX512F = 1 << 16,
    LEAF7_EBX_AVX512DQ = 1 << 17,
    LEAF7_EBX_AVX512BW = 1 << 30,
    LEAF7_EDX_AMX_BF16 = 1 << 22,
    LEAF7_EDX_AMX_TILE = 1 << 24,
    XCR0_AVX = 0x6,
    XCR0_AVX512 = 0xe6,
    XCR0_AMX = 0x60000,
};
static const unsigned LEAF7_EBX_AVX512VL = 1u << 31;

/* Linux uapi asm/prctl.h; older headers lack them. */
enum { ARCH_REQ_XCOMP_PERMISSION = 0x1023, XFEATURE_TILE_DATA = 18 };

struct cpu_flags {
    unsigned leaf1_ecx, leaf7_ebx, leaf7_ecx, leaf7_edx;
    unsigned xcr0; /* what the operating system saves */
};

static bool has_all(unsigned flags, unsigned wanted)
{
    return (flags & wanted) == wanted;
}

/* In assembler, because the intrinsic would need its own compiler flag for this whole file. */
static unsigned read_xcr0(void)
{
    unsigned low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

static struct cpu_flags read_cpu_flags(void)
{
    struct cpu_flags flags = {0, 0, 0, 0, 0};
    unsigned eax, ebx, ecx, edx;
    if (__get_cpuid(1, &eax, &ebx, &ecx, &edx))
        flags.leaf1_ecx = ecx;
    if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx)) {
        flags.leaf7_ebx = ebx;
        flags.leaf7_ecx = ecx;
        flags.leaf7_edx = edx;
    }
    if (has_all(flags.leaf1_ecx, LEAF1_ECX_OSXSAVE))
        flags.xcr0 = read_xcr0();
    return flags;
}

static bool has_avx2(const struct cpu_flags *cpu)
{
    return has_all(cpu->leaf1_ecx, LEAF1_ECX_AVX | LEAF1_ECX_FMA) && has_all(cpu->leaf7_ebx, LEAF7_EBX_AVX2) &&
           has_all(cpu->xcr0, XCR0_AVX);
}

static bool has_avx512(const struct cpu_flags *cpu)
{
    return has_all(cpu->leaf7_ebx, LEAF7_EBX_AVX512F | LEAF7_EBX_AVX512BW | LEAF7_EBX_AVX512VL) &&
           has_all(cpu->xcr0, XCR0_AVX512);
}

/* Linux saves the 8 KiB of tiles only for processes that have asked. */
static bool has_amx(const struct cpu_flags *cpu)
{
    return has_avx512(cpu) && has_all(cpu->leaf7_edx, LEAF7_EDX_AMX_TILE | LEAF7_EDX_AMX_BF16) &&
           has_all(cpu->xcr0, XCR0_AMX) && syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERMISSION, XFEATURE_TILE_DATA) == 0;
}

const struct mme_kernel *mme_probe_kernel(enum mme_variant variant)
{
    const struct cpu_flags cpu = read_cpu_flags();
    if (variant == MME_AMX && has_amx(&cpu))
        return &mme_kernel_amx;
    if (variant == MME_AVX512 && has_avx512(&cpu))
        return &mme_kernel_avx512;
    if (variant == MME_AVX2 && has_avx2(&cpu))
        return &mme_kernel_avx2;
    return NULL;
}

crc32c_function *crc32c_probe(void)
{
    const struct cpu_flags cpu = read_cpu_flags();
    if (!has_all(cpu.leaf1_ecx, LEAF1_ECX_SSE42 | LEAF1_ECX_PCLMULQDQ))
        return crc32c_plain;
    return has_avx512(&cpu) && has_all(cpu.leaf7_ecx, LEAF7_ECX_VPCLMULQDQ) ? crc32c_avx512 : crc32c_sse42;
}

const struct ew_functions *ew_probe(void)
{
    const struct cpu_flags cpu = read_cpu_flags();
    if (has_avx512(&cpu) && has_all(cpu.leaf7_ebx, LEAF7_EBX_AVX512DQ))
        return &ew_functions_avx512;
    return has_avx2(&cpu) ? &ew_functions_avx2 : &ew_functions_plain;
}

const struct mv_functions *mv_probe(void)
{
    const struct cpu_flags cpu = read_cpu_flags();
    if (has_avx512(&cpu))
        return &mv_functions_avx512;
    return has_avx2(&cpu) ? &mv_functions_avx2 : &mv_functions_plain;
}
