// The matrix products of cuBLAS, against plain loops. All elements are small integers, so results are exact.
#include <cmath>
#include <limits>

#include "cublas_v2.h"
#include "support.h"

namespace
{
using namespace softcuda::tests;

struct Shape
{
    int m;
    int n;
    int k;
};

class Library
{
public:
    Library()
    {
        REQUIRE(cublasCreate(&handle));
    }

    ~Library()
    {
        cublasDestroy(handle);
    }

    Library(const Library&) = delete;
    Library& operator=(const Library&) = delete;

    cublasHandle_t handle = nullptr;
};

cublasStatus_t multiply(cublasHandle_t handle, cublasOperation_t a_op, cublasOperation_t b_op, Shape s, float alpha,
                        const Buffer<float>& a, int lda, const Buffer<float>& b, int ldb, float beta,
                        const Buffer<float>& c, int ldc)
{
    const auto pointer = [](const Buffer<float>& buffer) { return reinterpret_cast<float*>(buffer.pointer); };
    return cublasSgemm(handle, a_op, b_op, s.m, s.n, s.k, &alpha, pointer(a), lda, pointer(b), ldb, &beta, pointer(c),
                       ldc);
}

cublasStatus_t multiply(cublasHandle_t handle, cublasOperation_t a_op, cublasOperation_t b_op, Shape s, double alpha,
                        const Buffer<double>& a, int lda, const Buffer<double>& b, int ldb, double beta,
                        const Buffer<double>& c, int ldc)
{
    const auto pointer = [](const Buffer<double>& buffer) { return reinterpret_cast<double*>(buffer.pointer); };
    return cublasDgemm(handle, a_op, b_op, s.m, s.n, s.k, &alpha, pointer(a), lda, pointer(b), ldb, &beta, pointer(c),
                       ldc);
}

// A column-major matrix with room behind each column that is no part of it.
template <class T>
struct Matrix
{
    Matrix(int some_rows, int some_columns, int seed) :
        rows(some_rows), stride(some_rows + 3), values(static_cast<size_t>(stride * some_columns))
    {
        for (size_t i = 0; i < values.size(); i++)
            values[i] = static_cast<T>(static_cast<int>(i * 7 + static_cast<size_t>(seed)) % 11 - 5);
    }

    T& at(int row, int column)
    {
        return values[static_cast<size_t>(column * stride + row)];
    }

    int rows;
    int stride;
    std::vector<T> values;
};

template <class T>
void check_product(Shape s, bool transpose_a, bool transpose_b, T alpha, T beta)
{
    Matrix<T> a(transpose_a ? s.k : s.m, transpose_a ? s.m : s.k, 1);
    Matrix<T> b(transpose_b ? s.n : s.k, transpose_b ? s.k : s.n, 2);
    Matrix<T> c(s.m, s.n, 3);
    const Buffer<T> device_a(a.values);
    const Buffer<T> device_b(b.values);
    const Buffer<T> device_c(c.values);
    const Library library;
    CHECK_EQUAL(multiply(library.handle, transpose_a ? CUBLAS_OP_T : CUBLAS_OP_N,
                         transpose_b ? CUBLAS_OP_C : CUBLAS_OP_N, s, alpha, device_a, a.stride, device_b, b.stride,
                         beta, device_c, c.stride),
                CUBLAS_STATUS_SUCCESS);
    for (int i = 0; i < s.m; i++)
    {
        for (int j = 0; j < s.n; j++)
        {
            T sum = 0;
            for (int p = 0; p < s.k; p++)
                sum += (transpose_a ? a.at(p, i) : a.at(i, p)) * (transpose_b ? b.at(j, p) : b.at(p, j));
            c.at(i, j) = alpha * sum + (beta != 0 ? beta * c.at(i, j) : 0);
        }
    }

    // With what lies between the columns, which stays.
    CHECK(device_c.values() == c.values);
}

template <class T>
void products_are_exact()
{
    const DeviceSession session;
    const Shape shapes[] = {{1, 1, 1}, {3, 2, 5}, {16, 16, 16}, {17, 33, 9}, {64, 1, 31}, {1, 70, 2}, {100, 40, 130}};
    for (const Shape& shape : shapes)
    {
        for (bool transpose_a : {false, true})
        {
            for (bool transpose_b : {false, true})
            {
                check_product<T>(shape, transpose_a, transpose_b, 1, 0);
                check_product<T>(shape, transpose_a, transpose_b, -2, 3);
            }
        }
    }
}

void zero_beta_does_not_read_the_target()
{
    const DeviceSession session;
    const Library library;
    const Buffer<float> a(std::vector<float>{2});
    const Buffer<float> b(std::vector<float>{3});
    const Buffer<float> c(std::vector<float>{std::numeric_limits<float>::quiet_NaN()});
    REQUIRE(multiply(library.handle, CUBLAS_OP_N, CUBLAS_OP_N, {1, 1, 1}, 1.0f, a, 1, b, 1, 0.0f, c, 1));
    CHECK_EQUAL(c.values()[0], 6.0f);
}

void an_empty_sum_scales_the_target()
{
    const DeviceSession session;
    const Library library;
    const Buffer<float> a(1);
    const Buffer<float> c(std::vector<float>{4});
    REQUIRE(multiply(library.handle, CUBLAS_OP_N, CUBLAS_OP_N, {1, 1, 0}, 1.0f, a, 1, a, 1, 0.5f, c, 1));
    CHECK_EQUAL(c.values()[0], 2.0f);
}

void arguments_are_checked()
{
    const DeviceSession session;
    const Library library;
    const Buffer<float> x(64);
    const auto call = [&](Shape s, cublasOperation_t op, int lda, int ldb, int ldc) {
        return multiply(library.handle, op, CUBLAS_OP_N, s, 1.0f, x, lda, x, ldb, 0.0f, x, ldc);
    };
    CHECK_EQUAL(call({-1, 1, 1}, CUBLAS_OP_N, 1, 1, 1), CUBLAS_STATUS_INVALID_VALUE);
    CHECK_EQUAL(call({4, 2, 3}, CUBLAS_OP_N, 3, 3, 4), CUBLAS_STATUS_INVALID_VALUE);
    CHECK_EQUAL(call({4, 2, 3}, CUBLAS_OP_T, 2, 3, 4), CUBLAS_STATUS_INVALID_VALUE);
    CHECK_EQUAL(call({4, 2, 3}, CUBLAS_OP_N, 4, 2, 4), CUBLAS_STATUS_INVALID_VALUE);
    CHECK_EQUAL(call({4, 2, 3}, CUBLAS_OP_N, 4, 3, 3), CUBLAS_STATUS_INVALID_VALUE);
    CHECK_EQUAL(call({1, 1, 1}, static_cast<cublasOperation_t>(9), 1, 1, 1), CUBLAS_STATUS_INVALID_VALUE);
    CHECK_EQUAL(call({0, 2, 3}, CUBLAS_OP_N, 1, 3, 1), CUBLAS_STATUS_SUCCESS);
    CHECK_EQUAL(multiply(nullptr, CUBLAS_OP_N, CUBLAS_OP_N, {1, 1, 1}, 1.0f, x, 1, x, 1, 0.0f, x, 1),
                CUBLAS_STATUS_NOT_INITIALIZED);
    CHECK_EQUAL(cuCtxSynchronize(), CUDA_SUCCESS);
}

void products_are_queued_on_their_stream()
{
    const DeviceSession session;
    const Library library;
    CUstream stream = nullptr;
    REQUIRE(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
    REQUIRE(cublasSetStream(library.handle, stream));
    const Buffer<float> a(std::vector<float>{2});
    const Buffer<float> c(std::vector<float>{1});
    const auto square = [&] {
        return multiply(library.handle, CUBLAS_OP_N, CUBLAS_OP_N, {1, 1, 1}, 1.0f, a, 1, a, 1, 1.0f, c, 1);
    };
    REQUIRE(square());
    CHECK_EQUAL(c.values()[0], 1.0f);
    REQUIRE(cuStreamSynchronize(stream));
    CHECK_EQUAL(c.values()[0], 5.0f);

    REQUIRE(cuStreamBeginCapture(stream, CU_STREAM_CAPTURE_MODE_GLOBAL));
    REQUIRE(square());
    REQUIRE(square());
    CUgraph graph = nullptr;
    CUgraphExec exec = nullptr;
    REQUIRE(cuStreamEndCapture(stream, &graph));
    REQUIRE(cuGraphInstantiateWithFlags(&exec, graph, 0));
    for (float expected : {13.0f, 21.0f})
    {
        REQUIRE(cuGraphLaunch(exec, stream));
        REQUIRE(cuStreamSynchronize(stream));
        CHECK_EQUAL(c.values()[0], expected);
    }

    REQUIRE(cuGraphExecDestroy(exec));
    REQUIRE(cuGraphDestroy(graph));
    REQUIRE(cuStreamDestroy(stream));
}

void scalars_can_lie_on_the_device()
{
    const DeviceSession session;
    const Library library;
    const Buffer<float> a(std::vector<float>{2});
    const Buffer<float> c(std::vector<float>{1});
    const Buffer<float> scalars(std::vector<float>{10, 100});
    REQUIRE(cublasSetPointerMode(library.handle, CUBLAS_POINTER_MODE_DEVICE));
    const float* alpha = reinterpret_cast<const float*>(scalars.pointer);
    const float* elements = reinterpret_cast<const float*>(a.pointer);
    REQUIRE(cublasSgemm(library.handle, CUBLAS_OP_N, CUBLAS_OP_N, 1, 1, 1, alpha, elements, 1, elements, 1, alpha + 1,
                        reinterpret_cast<float*>(c.pointer), 1));
    CHECK_EQUAL(c.values()[0], 140.0f);
}

void buffers_that_are_too_small_fail_the_context()
{
    const DeviceSession session;
    const Library library;
    const Buffer<float> small(3);
    const Buffer<float> enough(std::vector<float>(4, 1.0f));
    REQUIRE(multiply(library.handle, CUBLAS_OP_N, CUBLAS_OP_N, {2, 2, 2}, 1.0f, enough, 2, enough, 2, 0.0f, small, 2));
    CHECK_EQUAL(cuCtxSynchronize(), CUDA_ERROR_ILLEGAL_ADDRESS);
    CHECK_CONTAINS(softcuda_report(), ": C");
}

void unwritten_operands_are_found()
{
    set("CHECK", "1");
    {
        const DeviceSession session;
        const Library library;
        const Buffer<float> written(std::vector<float>(4, 1.0f));
        const Buffer<float> fresh(4);
        const auto run = [&](const Buffer<float>& a, const Buffer<float>& c) {
            REQUIRE(multiply(library.handle, CUBLAS_OP_N, CUBLAS_OP_N, {2, 2, 2}, 1.0f, a, 2, written, 2, 0.0f, c, 2));
            return cuCtxSynchronize();
        };
        CHECK_EQUAL(run(written, fresh), CUDA_SUCCESS);
        CHECK_EQUAL(run(fresh, written), CUDA_SUCCESS);
        const Buffer<float> never(4);
        CHECK_EQUAL(run(never, written), CUDA_ERROR_LAUNCH_FAILED);
        CHECK_CONTAINS(softcuda_report(), "uninitialised");
    }
    set("CHECK", "0");
}

}

int main()
{
    return run_tests({
        {"float_products_are_exact", products_are_exact<float>},
        {"double_products_are_exact", products_are_exact<double>},
        {"zero_beta_does_not_read_the_target", zero_beta_does_not_read_the_target},
        {"an_empty_sum_scales_the_target", an_empty_sum_scales_the_target},
        {"arguments_are_checked", arguments_are_checked},
        {"products_are_queued_on_their_stream", products_are_queued_on_their_stream},
        {"scalars_can_lie_on_the_device", scalars_can_lie_on_the_device},
        {"buffers_that_are_too_small_fail_the_context", buffers_that_are_too_small_fail_the_context},
        {"unwritten_operands_are_found", unwritten_operands_are_found},
    });
}
