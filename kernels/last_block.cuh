// How blocks find out who of them finishes: that block merges what all have left in memory, in an order of its own, so that
// the result does not depend on who was first.
#pragma once

// Whether this block is the last of so many to come here, by default all of the grid, in its thread 0; in the others, no. What
// it then does comes after all that the other blocks did before they came. The counter must be zero before the launch, and is
// zero after it.
static __device__ inline bool is_thread_0_of_last_block(unsigned* counter, unsigned blocks = gridDim.x)
{
    __threadfence();
    __syncthreads();
    if (threadIdx.x != 0 || atomicAdd(counter, 1u) != blocks - 1)
        return false;
    atomicExch(counter, 0u);
    __threadfence();
    return true;
}

// The same in all threads of the block.
static __device__ inline bool is_last_block(unsigned* counter, unsigned blocks = gridDim.x)
{
    __shared__ bool is_last;
    const bool answer = is_thread_0_of_last_block(counter, blocks);
    if (threadIdx.x == 0)
        is_last = answer;
    __syncthreads();
    return is_last;
}
