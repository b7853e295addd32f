// Philox4x32-10: four words of 32 bits for each number of a block (see reference/random.py).
// state: [seed, stream, base].

typedef unsigned long long u64;

struct Words {
    unsigned w[4];
};

__device__ Words philox(const index* state, index offset, index block)
{
    u64 seed = state[0], stream = state[1], number = (u64)state[2] + (u64)offset + (u64)block;
    unsigned x0 = (unsigned)number, x1 = (unsigned)(number >> 32);
    unsigned x2 = (unsigned)stream, x3 = (unsigned)(stream >> 32);
    unsigned k0 = (unsigned)seed, k1 = (unsigned)(seed >> 32);
#pragma unroll
    for (int round = 0; round < 10; round++) {
        u64 p0 = (u64)0xD2511F53u * x0, p1 = (u64)0xCD9E8D57u * x2;
        x0 = (unsigned)(p1 >> 32) ^ x1 ^ k0;
        x1 = (unsigned)p1;
        x2 = (unsigned)(p0 >> 32) ^ x3 ^ k1;
        x3 = (unsigned)p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    return Words{{x0, x1, x2, x3}};
}
