// Products of matrices tile by tile, whatever the elements are made from: convolution never stores the matrix of its
// patches. A block computes a tile of ROWS x COLUMNS sums in steps of TILE_STEPS terms. Both factors of a step are staged in
// shared memory, the next step's while this one's are multiplied, so that a step costs one barrier.
#pragma once
#include "common.cuh"

constexpr int TILE_STEPS = 16;
constexpr int TILE_THREADS = 128;
constexpr int ROW_THREADS = 8;
constexpr int COLUMN_THREADS = 16;

// One more than the width, so that staging along the steps does not hit one bank with all threads.
template <int ROWS, int COLUMNS>
struct TileStage
{
    real left[TILE_STEPS][ROWS + 1];
    real right[TILE_STEPS][COLUMNS + 1];
};

// A thread's sums are those of rows thread_row() + ROW_THREADS * i and columns thread_column() + COLUMN_THREADS * j.
template <int ROWS, int COLUMNS>
struct TileSums
{
    static constexpr int THREAD_ROWS = ROWS / ROW_THREADS;
    static constexpr int THREAD_COLUMNS = COLUMNS / COLUMN_THREADS;

    real values[THREAD_ROWS][THREAD_COLUMNS] = {};

    // visit(row, column, sum) for every sum of this thread; row and column count from the corner of the tile.
    template <typename Visit>
    __device__ void for_each(Visit visit) const
    {
#pragma unroll
        for (int i = 0; i < THREAD_ROWS; i++)
        {
#pragma unroll
            for (int j = 0; j < THREAD_COLUMNS; j++)
                visit(
                    (int)threadIdx.x / COLUMN_THREADS + ROW_THREADS * i,
                    (int)threadIdx.x % COLUMN_THREADS + COLUMN_THREADS * j, values[i][j]);
        }
    }
};

// Fills one factor of a step: load(step, place) for every step and every row or column. Neighbouring threads take
// neighbouring steps if ALONG_STEPS, else neighbouring places, which are then the same for a thread in every call.
template <bool ALONG_STEPS, int PADDED_WIDTH, typename Load>
__device__ void stage_factor(real (&factor)[TILE_STEPS][PADDED_WIDTH], Load load)
{
    constexpr int WIDTH = PADDED_WIDTH - 1;
    static_assert(TILE_THREADS % WIDTH == 0 || ALONG_STEPS, "a thread stays in its place");
#pragma unroll
    for (int i = 0; i < TILE_STEPS * WIDTH / TILE_THREADS; i++)
    {
        const int element = i * TILE_THREADS + threadIdx.x;
        const int step = ALONG_STEPS ? element % TILE_STEPS : element / WIDTH;
        const int place = ALONG_STEPS ? element / TILE_STEPS : element % WIDTH;
        factor[step][place] = load(step, place);
    }
}

template <int ROWS, int COLUMNS>
__device__ void multiply_stage(const TileStage<ROWS, COLUMNS>& stage, TileSums<ROWS, COLUMNS>& sums)
{
    using Sums = TileSums<ROWS, COLUMNS>;
    const int row = threadIdx.x / COLUMN_THREADS, column = threadIdx.x % COLUMN_THREADS;
#pragma unroll
    for (int step = 0; step < TILE_STEPS; step++)
    {
        real left[Sums::THREAD_ROWS], right[Sums::THREAD_COLUMNS];
#pragma unroll
        for (int i = 0; i < Sums::THREAD_ROWS; i++)
            left[i] = stage.left[step][row + ROW_THREADS * i];
#pragma unroll
        for (int j = 0; j < Sums::THREAD_COLUMNS; j++)
            right[j] = stage.right[step][column + COLUMN_THREADS * j];
#pragma unroll
        for (int i = 0; i < Sums::THREAD_ROWS; i++)
        {
#pragma unroll
            for (int j = 0; j < Sums::THREAD_COLUMNS; j++)
                sums.values[i][j] += left[i] * right[j];
        }
    }
}

// Adds up the products of all steps. Operands: look_ahead(s) may fill a table for stage s, by any thread, and is
// visible to load(s, tile), which fills both factors with zeros past the last term.
template <int ROWS, int COLUMNS, typename Operands>
__device__ void multiply_tiles(
    Operands& operands, int stages, TileStage<ROWS, COLUMNS> (&buffers)[2], TileSums<ROWS, COLUMNS>& sums)
{
    if (stages == 0)
        return;
    operands.look_ahead(0);
    __syncthreads();
    operands.load(0, buffers[0]);
    operands.look_ahead(1);
    __syncthreads();
    for (int stage = 0; stage < stages; stage++)
    {
        if (stage + 1 < stages)
        {
            operands.load(stage + 1, buffers[(stage + 1) % 2]);
            operands.look_ahead(stage + 2);
        }

        multiply_stage(buffers[stage % 2], sums);
        __syncthreads();
    }
}
