// How the blocks of a grid find out who finishes: that block merges what all have left in memory, in an order of its own,
// so that the result does not depend on who was first.
#pragma once

// Whether this block is the last to come here, in all its threads; then it sees what the others wrote before they came.
// The counter must be zero before the launch, and is zero after it.
static __device__ bool is_last_block(unsigned* counter)
{
    __shared__ bool is_last;
    __threadfence();
    __syncthreads();
    if (threadIdx.x == 0)
    {
        is_last = atomicAdd(counter, 1u) == gridDim.x - 1;
        if (is_last)
            *counter = 0;
    }

    __syncthreads();
    __threadfence();
    return is_last;
}
