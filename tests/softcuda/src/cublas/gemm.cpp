#include "gemm.h"

#include <algorithm>
#include <vector>

namespace softcuda::cublas
{
namespace
{

// A tile of C that stays in registers: two vectors by six columns, twelve of the sixteen that AVX2 has.
constexpr int vector_bytes = 32;
constexpr int tile_vectors = 2;
constexpr int tile_columns = 6;

template <class T>
struct VectorOf
{
    typedef T type __attribute__((vector_size(vector_bytes)));
    // As it lies in memory, at any address.
    typedef T stored __attribute__((vector_size(vector_bytes), aligned(alignof(T)), may_alias));
};

template <class T>
constexpr int tile_rows = tile_vectors * vector_bytes / static_cast<int>(sizeof(T));

// How many terms are added before C is touched again: a panel of A and one of B fit the first-level cache.
constexpr int depth_block = 256;

int round_up(int value, int multiple)
{
    return (value + multiple - 1) / multiple * multiple;
}

// Panels of `width` neighbouring rows, each stored depth by depth and filled up with zeros:
// panels[row / width][depth][row % width].
template <class T>
void pack(const T* matrix, long row_stride, long depth_stride, int rows, int width, int depth, std::vector<T>& panels)
{
    panels.assign(static_cast<size_t>(round_up(rows, width)) * depth, T(0));
    for (int first = 0; first < rows; first += width)
    {
        T* panel = panels.data() + static_cast<size_t>(first) * depth;
        const int count = std::min(width, rows - first);
        for (int k = 0; k < depth; k++)
        {
            for (int i = 0; i < count; i++)
                panel[static_cast<size_t>(k) * width + i] = matrix[(first + i) * row_stride + k * depth_stride];
        }
    }
}

template <class T>
using Vector = typename VectorOf<T>::type;

template <class T>
using StoredVector = typename VectorOf<T>::stored;

// sums[column][row] = sum over depth of a[depth][row] * b[depth][column].
// Inlined into one function for each instruction set.
template <class T>
inline __attribute__((always_inline)) void multiply_panels(const T* a, const T* b, int depth, T* sums)
{
    Vector<T> tile[tile_columns][tile_vectors] = {};
    for (int k = 0; k < depth; k++)
    {
        const auto* left = reinterpret_cast<const StoredVector<T>*>(a + static_cast<size_t>(k) * tile_rows<T>);
        const T* right = b + static_cast<size_t>(k) * tile_columns;
#pragma GCC unroll 6
        for (int column = 0; column < tile_columns; column++)
        {
#pragma GCC unroll 2
            for (int i = 0; i < tile_vectors; i++)
                tile[column][i] += left[i] * right[column];
        }
    }

    __builtin_memcpy(sums, tile, sizeof tile);
}

__attribute__((target("avx2,fma"))) void multiply_tile_avx2(const float* a, const float* b, int depth, float* sums)
{
    multiply_panels(a, b, depth, sums);
}

__attribute__((target("avx2,fma"))) void multiply_tile_avx2(const double* a, const double* b, int depth, double* sums)
{
    multiply_panels(a, b, depth, sums);
}

template <class T>
void multiply_tile(const T* a, const T* b, int depth, T* sums)
{
    static const bool has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (has_avx2)
        multiply_tile_avx2(a, b, depth, sums);
    else
        multiply_panels(a, b, depth, sums);
}

template <class T>
void scale(const Product<T>& product)
{
    for (int column = 0; column < product.columns; column++)
    {
        T* c = product.c + column * product.stride_c;
        for (int row = 0; row < product.rows; row++)
            c[row] = product.beta == 0 ? T(0) : product.beta * c[row];
    }
}

template <class T>
void add_tile(const Product<T>& product, int first_row, int first_column, const T* sums)
{
    const int rows = std::min(tile_rows<T>, product.rows - first_row);
    const int columns = std::min(tile_columns, product.columns - first_column);
    for (int column = 0; column < columns; column++)
    {
        T* c = product.c + (first_column + column) * product.stride_c + first_row;
        for (int row = 0; row < rows; row++)
            c[row] += product.alpha * sums[column * tile_rows<T> + row];
    }
}

template <class T>
void multiply_any(const Product<T>& product)
{
    scale(product);
    if (product.alpha == 0)
        return;
    const long a_row = product.transpose_a ? product.stride_a : 1;
    const long a_depth = product.transpose_a ? 1 : product.stride_a;
    const long b_column = product.transpose_b ? 1 : product.stride_b;
    const long b_depth = product.transpose_b ? product.stride_b : 1;
    std::vector<T> a;
    std::vector<T> b;
    alignas(vector_bytes) T sums[tile_columns * tile_rows<T>];
    for (int first = 0; first < product.depth; first += depth_block)
    {
        const int depth = std::min(depth_block, product.depth - first);
        pack(product.a + first * a_depth, a_row, a_depth, product.rows, tile_rows<T>, depth, a);
        pack(product.b + first * b_depth, b_column, b_depth, product.columns, tile_columns, depth, b);
        for (int column = 0; column < product.columns; column += tile_columns)
        {
            for (int row = 0; row < product.rows; row += tile_rows<T>)
            {
                multiply_tile(a.data() + static_cast<size_t>(row) * depth,
                              b.data() + static_cast<size_t>(column) * depth, depth, sums);
                add_tile(product, row, column, sums);
            }
        }
    }
}

}

void multiply(const Product<float>& product)
{
    multiply_any(product);
}

void multiply(const Product<double>& product)
{
    multiply_any(product);
}

}
