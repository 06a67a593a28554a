#include "cpu_level.h"

#include <cpuid.h>
#include <cstdint>

// Feature lists: x86-64 psABI 1.0, table 3.1 "Micro-Architecture Levels". Read by hand because compilers
// differ in which of these names __builtin_cpu_supports knows.
namespace pluginbridge {
namespace {

struct Registers {
    uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;
};

Registers cpuid(uint32_t leaf, uint32_t subleaf = 0) {
    Registers r;
    if (__get_cpuid_count(leaf, subleaf, &r.eax, &r.ebx, &r.ecx, &r.edx) == 0)
        return {};
    return r;
}

bool has(uint32_t value, uint32_t mask) {
    return (value & mask) == mask;
}

constexpr uint32_t bit(int n) {
    return uint32_t{1} << n;
}

/// State components that the operating system saves (XCR0).
uint64_t enabledState() {
    uint32_t low = 0, high = 0;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (static_cast<uint64_t>(high) << 32) | low;
}

} // namespace

int cpuLevel() {
    const Registers basic = cpuid(1);
    const Registers extended = cpuid(7);
    const Registers amd = cpuid(0x80000001U);

    // SSE3, SSSE3, CMPXCHG16B, SSE4.1, SSE4.2, POPCNT; LAHF
    const uint32_t v2 = bit(0) | bit(9) | bit(13) | bit(19) | bit(20) | bit(23);
    if (!has(basic.ecx, v2) || !has(amd.ecx, bit(0)))
        return 1;

    // FMA, MOVBE, OSXSAVE, AVX, F16C; BMI1, AVX2, BMI2; LZCNT
    const uint32_t v3 = bit(12) | bit(22) | bit(27) | bit(28) | bit(29);
    if (!has(basic.ecx, v3) || !has(extended.ebx, bit(3) | bit(5) | bit(8)) || !has(amd.ecx, bit(5)))
        return 2;
    const uint64_t state = enabledState();
    const uint64_t ymm = 0x6, zmm = 0xe6; // xmm + ymm; and opmask + upper zmm
    if ((state & ymm) != ymm)
        return 2;

    // AVX512 F, DQ, CD, BW, VL
    const uint32_t v4 = bit(16) | bit(17) | bit(28) | bit(30) | bit(31);
    return has(extended.ebx, v4) && (state & zmm) == zmm ? 4 : 3;
}

} // namespace pluginbridge
