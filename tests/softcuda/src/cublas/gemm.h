// Matrix products on the host.
#pragma once

namespace softcuda::cublas
{

// op(A) is rows x depth, op(B) depth x columns, C rows x columns; all are column-major, and the strides are the
// distances between the columns as they lie in memory. C is not read where beta is 0, A and B not where alpha is 0.
template <class T>
struct Product
{
    int rows, columns, depth;
    bool transpose_a, transpose_b;
    T alpha, beta;
    const T* a;
    const T* b;
    T* c;
    long stride_a, stride_b, stride_c;
};

// The terms of an element of C are added in the order of depth, so that the result does not depend on the tiling.
void multiply(const Product<float>& product);
void multiply(const Product<double>& product);

}
