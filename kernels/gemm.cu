#include "split_sums.cuh"
#include "tile_product.cuh"

// Products of matrices for machines without cuBLAS. All matrices are row-major.

constexpr int ROWS = 64;
constexpr int COLUMNS = 64;

// Elements in memory order are fetched by neighbouring threads: along the steps where a factor's rows (left) or columns
// (right) are its memory's rows.
template <bool IS_LEFT_TRANSPOSED, bool IS_RIGHT_TRANSPOSED>
struct MatrixOperands
{
    static constexpr bool LEFT_ALONG_STEPS = !IS_LEFT_TRANSPOSED;
    static constexpr bool RIGHT_ALONG_STEPS = IS_RIGHT_TRANSPOSED;

    const real* left_matrix;
    const real* right_matrix;
    int rows;
    int columns;
    int terms;
    int first_row;
    int first_column;
    int first_term;
    int end_term;

    __device__ void look_ahead(int) {}

    __device__ real load_left(int stage, int step, int place) const
    {
        const int term = min(term_of(stage, step), terms - 1), row = min(first_row + place, rows - 1);
        return left_matrix[IS_LEFT_TRANSPOSED ? (int64)term * rows + row : (int64)row * terms + term];
    }

    __device__ real load_right(int stage, int step, int place) const
    {
        const int term = min(term_of(stage, step), terms - 1), column = min(first_column + place, columns - 1);
        return right_matrix[IS_RIGHT_TRANSPOSED ? (int64)column * terms + term : (int64)term * columns + column];
    }

    // Rows and columns past the last are never stored.
    __device__ real left(int stage, int step, int, real loaded) const
    {
        return term_of(stage, step) < end_term ? loaded : 0;
    }

    __device__ real right(int stage, int step, int, real loaded) const
    {
        return term_of(stage, step) < end_term ? loaded : 0;
    }

private:
    __device__ int term_of(int stage, int step) const { return first_term + stage * TILE_STEPS + step; }
};

template <bool IS_LEFT_TRANSPOSED, bool IS_RIGHT_TRANSPOSED>
__device__ void multiply(
    const real* left, const real* right, int rows, int columns, int terms, int terms_per_split, real* partials)
{
    __shared__ TileStage<ROWS, COLUMNS> buffers[2];
    const unsigned row_tiles = (unsigned)ceil_div(rows, ROWS), column_tiles = (unsigned)ceil_div(columns, COLUMNS);
    const int first_row = (int)(blockIdx.x % row_tiles) * ROWS;
    const int first_column = (int)(blockIdx.x / row_tiles % column_tiles) * COLUMNS;
    const int split = (int)(blockIdx.x / row_tiles / column_tiles);
    const int first_term = split * terms_per_split;
    const int end_term = min(terms, first_term + terms_per_split);

    MatrixOperands<IS_LEFT_TRANSPOSED, IS_RIGHT_TRANSPOSED> operands = {
        left, right, rows, columns, terms, first_row, first_column, first_term, end_term};
    TileSums<ROWS, COLUMNS> sums;
    multiply_tiles(operands, (int)ceil_div(end_term - first_term, TILE_STEPS), buffers, sums);
    sums.store(
        partials + ((int64)split * rows + first_row) * columns, columns, rows - first_row,
        [&](int column) { return first_column + column < columns ? (int64)first_column + column : -1; },
        [](int) { return (real)0; });
}

// gemm_nn, gemm_nt, gemm_tn: blockDim.x 128; for every split of the terms, a block per tile of 64 x 64.
// partials[splits, rows, columns] = left * right, over terms split * terms_per_split and on; n and t say whether left and
// right are as they are or transposed: gemm_nt has left[rows, terms] and right[columns, terms].
extern "C" __global__ void __launch_bounds__(TILE_THREADS) gemm_nn(
    const real* __restrict__ left, const real* __restrict__ right, int rows, int columns, int terms,
    int terms_per_split, real* __restrict__ partials)
{
    multiply<false, false>(left, right, rows, columns, terms, terms_per_split, partials);
}

extern "C" __global__ void __launch_bounds__(TILE_THREADS) gemm_nt(
    const real* __restrict__ left, const real* __restrict__ right, int rows, int columns, int terms,
    int terms_per_split, real* __restrict__ partials)
{
    multiply<false, true>(left, right, rows, columns, terms, terms_per_split, partials);
}

extern "C" __global__ void __launch_bounds__(TILE_THREADS) gemm_tn(
    const real* __restrict__ left, const real* __restrict__ right, int rows, int columns, int terms,
    int terms_per_split, real* __restrict__ partials)
{
    multiply<true, false>(left, right, rows, columns, terms, terms_per_split, partials);
}

// gemm_sum_splits: blockDim.x 256; a block per 32 elements.
// y[elements] = the sum of partials[splits, elements] over the splits.
extern "C" __global__ void __launch_bounds__(SPLIT_SUM_THREADS) gemm_sum_splits(
    const real* __restrict__ partials, int splits, int64 elements, real* __restrict__ y)
{
    sum_splits(partials, splits, elements, [&](int64 element, real sum) { y[element] = sum; });
}
