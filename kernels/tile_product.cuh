// Products of matrices tile by tile, whatever the elements are made from: convolution never stores the matrix of its
// patches. A block computes a tile of ROWS x COLUMNS sums in stages of TILE_STEPS terms. The factors of a stage lie in shared
// memory; those of the next are on their way from memory into registers while it is multiplied, so that a stage costs one
// barrier and waits for nothing else.
#pragma once
#include "pack.cuh"

// The terms of a stage in one row or column are 64 bytes.
constexpr int TILE_STEPS = 64 / sizeof(real);
constexpr int TILE_THREADS = 128;

// Rows are a pack longer than the tile: threads that stage neighbouring steps then hit different banks.
template <int ROWS, int COLUMNS>
struct TileStage
{
    alignas(16) real left[TILE_STEPS][ROWS + PACK_ELEMENTS];
    alignas(16) real right[TILE_STEPS][COLUMNS + PACK_ELEMENTS];
};

// A thread's sums lie in packs of neighbouring rows by packs of neighbouring columns, as far apart as all threads of a row or
// column have one each.
template <int ROWS, int COLUMNS>
struct TileSums
{
    // A warp's threads are four by eight. Of the sixteen whose loads of 16 bytes shared memory serves together, neighbours
    // differ in the row and pairs in the column, so that what they load from a row of a stage are 128 different bytes.
    static constexpr int ROW_THREADS = ROWS >= 32 ? 8 : 4;
    static constexpr int COLUMN_THREADS = TILE_THREADS / ROW_THREADS;
    static constexpr int THREAD_ROWS = ROWS / ROW_THREADS;
    static constexpr int THREAD_COLUMNS = COLUMNS / COLUMN_THREADS;
    static constexpr int WARPS_PER_ROW = COLUMN_THREADS / 8;
    static_assert(THREAD_ROWS % PACK_ELEMENTS == 0 && THREAD_COLUMNS % PACK_ELEMENTS == 0, "whole packs");

    static __device__ int row_thread()
    {
        return (int)threadIdx.x / 32 / WARPS_PER_ROW * 4 + (int)threadIdx.x % 32 / 16 * 2 + (int)threadIdx.x % 2;
    }

    static __device__ int column_thread()
    {
        return (int)threadIdx.x / 32 % WARPS_PER_ROW * 8 + (int)threadIdx.x % 16 / 2;
    }

    real values[THREAD_ROWS][THREAD_COLUMNS] = {};

    // Writes the sums, each with added(row), to a matrix whose first rows rows are those of the tile, stride elements apart.
    // at(column) is where a column of the tile lies in a row, or -1 where it lies outside.
    template <typename At, typename Added>
    __device__ void store(real* matrix, int64 stride, int rows, At at, Added added) const
    {
#pragma unroll
        for (int j = 0; j < THREAD_COLUMNS; j += PACK_ELEMENTS)
        {
            int64 places[PACK_ELEMENTS];
            bool is_packed = stride % PACK_ELEMENTS == 0;
#pragma unroll
            for (int k = 0; k < PACK_ELEMENTS; k++)
            {
                places[k] = at(j * COLUMN_THREADS + column_thread() * PACK_ELEMENTS + k);
                is_packed &= places[k] == places[0] + k;
            }

            is_packed &= is_aligned(matrix + places[0]);
#pragma unroll
            for (int i = 0; i < THREAD_ROWS; i++)
            {
                const int row = (i / PACK_ELEMENTS * ROW_THREADS + row_thread()) * PACK_ELEMENTS + i % PACK_ELEMENTS;
                if (row >= rows)
                    continue;
                real* of_row = matrix + row * stride;
                Pack pack;
#pragma unroll
                for (int k = 0; k < PACK_ELEMENTS; k++)
                    pack.values[k] = values[i][j + k] + added(row);
                if (is_packed)
                {
                    *(Pack*)(of_row + places[0]) = pack;
                    continue;
                }

#pragma unroll
                for (int k = 0; k < PACK_ELEMENTS; k++)
                    if (places[k] >= 0)
                        of_row[places[k]] = pack.values[k];
            }
        }
    }
};

// A thread's share of one factor of a stage, on its way to shared memory. Neighbouring threads take neighbouring steps if
// ALONG_STEPS, and always the same one, else neighbouring rows or columns, and always the same one.
template <bool ALONG_STEPS, int WIDTH>
struct StagedFactor
{
    static constexpr int COUNT = TILE_STEPS * WIDTH / TILE_THREADS;

    real values[COUNT];

    // load(step, place) for every element of the share.
    template <typename Load>
    __device__ void fetch(Load load)
    {
#pragma unroll
        for (int i = 0; i < COUNT; i++)
            values[i] = load(step_of(i), place_of(i));
    }

    // Stores finish(step, place, what was loaded) for every element.
    template <typename Finish>
    __device__ void put(real (&factor)[TILE_STEPS][WIDTH + PACK_ELEMENTS], Finish finish) const
    {
#pragma unroll
        for (int i = 0; i < COUNT; i++)
            factor[step_of(i)][place_of(i)] = finish(step_of(i), place_of(i), values[i]);
    }

private:
    static_assert(TILE_THREADS % WIDTH == 0 || ALONG_STEPS, "a thread stays in its place");

    static __device__ int step_of(int i)
    {
        return ALONG_STEPS ? (int)threadIdx.x % TILE_STEPS : i * (TILE_THREADS / WIDTH) + (int)threadIdx.x / WIDTH;
    }

    static __device__ int place_of(int i)
    {
        return ALONG_STEPS ? i * (TILE_THREADS / TILE_STEPS) + (int)threadIdx.x / TILE_STEPS : (int)threadIdx.x % WIDTH;
    }
};

// The elements of a row of a stage that a thread multiplies.
template <int COUNT, int THREADS, int PADDED_WIDTH>
__device__ void load_packs(const real (&row)[PADDED_WIDTH], int thread, real (&values)[COUNT])
{
#pragma unroll
    for (int i = 0; i < COUNT; i += PACK_ELEMENTS)
    {
        const Pack pack = *(const Pack*)&row[i * THREADS + thread * PACK_ELEMENTS];
#pragma unroll
        for (int k = 0; k < PACK_ELEMENTS; k++)
            values[i + k] = pack.values[k];
    }
}

template <int ROWS, int COLUMNS>
__device__ void multiply_stage(const TileStage<ROWS, COLUMNS>& stage, TileSums<ROWS, COLUMNS>& sums)
{
    using Sums = TileSums<ROWS, COLUMNS>;
#pragma unroll
    for (int step = 0; step < TILE_STEPS; step++)
    {
        real left[Sums::THREAD_ROWS], right[Sums::THREAD_COLUMNS];
        load_packs<Sums::THREAD_ROWS, Sums::ROW_THREADS>(stage.left[step], Sums::row_thread(), left);
        load_packs<Sums::THREAD_COLUMNS, Sums::COLUMN_THREADS>(stage.right[step], Sums::column_thread(), right);
#pragma unroll
        for (int i = 0; i < Sums::THREAD_ROWS; i++)
        {
#pragma unroll
            for (int j = 0; j < Sums::THREAD_COLUMNS; j++)
                sums.values[i][j] += left[i] * right[j];
        }
    }
}

// Adds up the products of all stages. Operands:
//   LEFT_ALONG_STEPS, RIGHT_ALONG_STEPS   which threads fetch which elements, as StagedFactor has it
//   look_ahead(stage)                     may fill a table for a stage, by any thread; called for one stage after the other
//   load_left(stage, step, row), load_right(stage, step, column)
//                                         an element, or anything that is there in memory where there is none: what they
//                                         return is not looked at before the products of the stage at hand are under way, so
//                                         no thread waits for memory
//   left(stage, step, row, loaded), right(stage, step, column, loaded)
//                                         the element, once loaded; 0 past the last term
// All see the table filled for their stage; those of the stages before may be overwritten.
template <int ROWS, int COLUMNS, typename Operands>
__device__ void multiply_tiles(
    Operands& operands, int stages, TileStage<ROWS, COLUMNS> (&buffers)[2], TileSums<ROWS, COLUMNS>& sums)
{
    if (stages <= 0)
        return;
    StagedFactor<Operands::LEFT_ALONG_STEPS, ROWS> left;
    StagedFactor<Operands::RIGHT_ALONG_STEPS, COLUMNS> right;
    const auto fetch = [&](int stage) {
        left.fetch([&](int step, int row) { return operands.load_left(stage, step, row); });
        right.fetch([&](int step, int column) { return operands.load_right(stage, step, column); });
    };
    const auto put = [&](int stage) {
        TileStage<ROWS, COLUMNS>& buffer = buffers[stage % 2];
        left.put(buffer.left, [&](int step, int row, real loaded) { return operands.left(stage, step, row, loaded); });
        right.put(
            buffer.right, [&](int step, int column, real loaded) { return operands.right(stage, step, column, loaded); });
    };
    operands.look_ahead(0);
    __syncthreads();
    fetch(0);
    put(0);
    operands.look_ahead(1);
#pragma unroll 1
    for (int stage = 0; stage < stages; stage++)
    {
        __syncthreads();
        const bool has_next = stage + 1 < stages;
        if (has_next)
            fetch(stage + 1);
        multiply_stage(buffers[stage % 2], sums);
        if (has_next)
        {
            put(stage + 1);
            operands.look_ahead(stage + 2);
        }
    }
}
