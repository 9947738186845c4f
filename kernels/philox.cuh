// Random numbers by counter: a block of a stream is a function of the seed, the stream and its number, so that any thread can
// make any of them. As Philox.cs on the CPU.
#pragma once

// The 64 random bits of elements 2 * block and 2 * block + 1.
struct RandomBits
{
    unsigned long long even;
    unsigned long long odd;
};

// Philox 4x32-10: Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
__device__ inline RandomBits philox(unsigned long long seed, unsigned stream, unsigned long long block)
{
    unsigned c0 = (unsigned)block, c1 = (unsigned)(block >> 32), c2 = stream, c3 = 0;
    unsigned key0 = (unsigned)seed, key1 = (unsigned)(seed >> 32);
    for (int round = 0; round < 10; round++)
    {
        const unsigned long long product0 = 0xD2511F53ull * c0;
        const unsigned long long product1 = 0xCD9E8D57ull * c2;
        c0 = (unsigned)(product1 >> 32) ^ c1 ^ key0;
        c1 = (unsigned)product1;
        c2 = (unsigned)(product0 >> 32) ^ c3 ^ key1;
        c3 = (unsigned)product0;
        key0 += 0x9E3779B9u;
        key1 += 0xBB67AE85u;
    }

    return {((unsigned long long)c1 << 32) | c0, ((unsigned long long)c3 << 32) | c2};
}
