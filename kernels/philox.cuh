// The counter-based generator Philox 4x32-10: a block of random words is a function of key and counter alone, so any thread
// can make any of them. Salmon, Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
#pragma once

struct RandomWords
{
    unsigned words[4];
};

// The words of the counter (block, high half of block, third, fourth).
__device__ inline RandomWords philox(unsigned long long seed, unsigned long long block, unsigned third, unsigned fourth)
{
    unsigned c0 = (unsigned)block, c1 = (unsigned)(block >> 32), c2 = third, c3 = fourth;
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

    return {{c0, c1, c2, c3}};
}
