#include "common.cuh"
#include "tile_product.cuh"

// Products of matrices for machines without cuBLAS. All matrices are row-major.

constexpr int ROWS = 64;
constexpr int COLUMNS = 64;

// Terms in memory order are staged by neighbouring threads: along the steps where a factor's rows (left) or columns
// (right) are its memory's rows.
template <bool IS_LEFT_TRANSPOSED, bool IS_RIGHT_TRANSPOSED>
struct MatrixOperands
{
    const real* left;
    const real* right;
    int rows;
    int columns;
    int terms;
    int first_row;
    int first_column;
    int first_term;
    int end_term;

    __device__ void look_ahead(int) {}

    __device__ void load(int stage, TileStage<ROWS, COLUMNS>& tile) const
    {
        const int first = first_term + stage * TILE_STEPS;
        stage_factor<!IS_LEFT_TRANSPOSED>(tile.left, [&](int step, int place) {
            const int term = first + step, row = first_row + place;
            if (term >= end_term || row >= rows)
                return (real)0;
            return IS_LEFT_TRANSPOSED ? left[(int64)term * rows + row] : left[(int64)row * terms + term];
        });
        stage_factor<IS_RIGHT_TRANSPOSED>(tile.right, [&](int step, int place) {
            const int term = first + step, column = first_column + place;
            if (term >= end_term || column >= columns)
                return (real)0;
            return IS_RIGHT_TRANSPOSED ? right[(int64)column * terms + term] : right[(int64)term * columns + column];
        });
    }
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
    sums.for_each([&](int row, int column, real sum) {
        if (first_row + row < rows && first_column + column < columns)
            partials[((int64)split * rows + first_row + row) * columns + first_column + column] = sum;
    });
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

// gemm_sum_splits: any block and grid size of one dimension.
// y[elements] = the sum of partials[splits, elements], in the order of the splits.
extern "C" __global__ void gemm_sum_splits(
    const real* __restrict__ partials, int splits, int64 elements, real* __restrict__ y)
{
    for (int64 i = global_thread(); i < elements; i += global_threads())
    {
        real sum = 0;
        for (int split = 0; split < splits; split++)
            sum += partials[split * elements + i];
        y[i] = sum;
    }
}
