// The functions that libcublas exports: handles and the matrix products that dense layers use.
#include <algorithm>
#include <cstddef>
#include <memory>
#include <new>
#include <string>

#include "../exports.h"
#include "gemm.h"

#define CUBLAS_API extern "C" __attribute__((visibility("default")))

extern "C" int cuCtxGetCurrent(void** context);

namespace
{
using softcuda::cublas::Product;

enum cublasStatus
{
    CUBLAS_STATUS_SUCCESS = 0,
    CUBLAS_STATUS_NOT_INITIALIZED = 1,
    CUBLAS_STATUS_ALLOC_FAILED = 3,
    CUBLAS_STATUS_INVALID_VALUE = 7,
    CUBLAS_STATUS_ARCH_MISMATCH = 8,
    CUBLAS_STATUS_MAPPING_ERROR = 11,
    CUBLAS_STATUS_EXECUTION_FAILED = 13,
    CUBLAS_STATUS_INTERNAL_ERROR = 14,
    CUBLAS_STATUS_NOT_SUPPORTED = 15,
    CUBLAS_STATUS_LICENSE_ERROR = 16,
};

constexpr int library_version[] = {13, 0, 0};

enum class PointerMode
{
    Host = 0,
    Device = 1,
};

struct Handle
{
    void* stream = nullptr;
    PointerMode pointer_mode = PointerMode::Host;
    int math_mode = 0;
};

// A product in the queue of a stream. In device mode alpha and beta are read when it runs.
template <class T>
struct QueuedProduct
{
    Product<T> product;
    const T* device_alpha = nullptr;
    const T* device_beta = nullptr;
    const char* name;
};

unsigned long long address_of(const void* pointer)
{
    return reinterpret_cast<unsigned long long>(pointer);
}

// What lies between the columns of a matrix with a larger stride is no part of it.
template <class Check>
int check_matrix(Check check, const void* matrix, size_t element, int rows, int columns, long stride, const char* name)
{
    if (rows == stride)
        return check(address_of(matrix), element * rows * columns, name);
    for (int column = 0; column < columns; column++)
    {
        const int result = check(address_of(matrix) + element * stride * column, element * rows, name);
        if (result != 0)
            return result;
    }

    return 0;
}

template <class T>
int check_operands(const Product<T>& product, const char* name)
{
    const int a_rows = product.transpose_a ? product.depth : product.rows;
    const int a_columns = product.transpose_a ? product.rows : product.depth;
    const int b_rows = product.transpose_b ? product.columns : product.depth;
    const int b_columns = product.transpose_b ? product.depth : product.columns;
    const std::string what = name;
    int result = 0;
    if (product.alpha != 0 && product.depth > 0)
    {
        result = check_matrix(softcuda_check_read, product.a, sizeof(T), a_rows, a_columns, product.stride_a,
                              (what + ": A").c_str());
        if (result == 0)
            result = check_matrix(softcuda_check_read, product.b, sizeof(T), b_rows, b_columns, product.stride_b,
                                  (what + ": B").c_str());
    }

    if (result == 0 && product.beta != 0)
        result = check_matrix(softcuda_check_read, product.c, sizeof(T), product.rows, product.columns,
                              product.stride_c, (what + ": C").c_str());
    if (result == 0)
        result = check_matrix(softcuda_check_write, product.c, sizeof(T), product.rows, product.columns,
                              product.stride_c, (what + ": C").c_str());
    return result;
}

template <class T>
int load_scalar(const T* source, T& target, const char* name)
{
    if (source == nullptr)
        return 0;
    const int result = softcuda_check_read(address_of(source), sizeof(T), name);
    if (result == 0)
        target = *source;
    return result;
}

template <class T>
int run_product(void* data)
{
    QueuedProduct<T>& queued = *static_cast<QueuedProduct<T>*>(data);
    int result = load_scalar(queued.device_alpha, queued.product.alpha, queued.name);
    if (result == 0)
        result = load_scalar(queued.device_beta, queued.product.beta, queued.name);
    if (result == 0)
        result = check_operands(queued.product, queued.name);
    if (result == 0)
        multiply(queued.product);
    return result;
}

template <class T>
void release_product(void* data)
{
    delete static_cast<QueuedProduct<T>*>(data);
}

bool is_operation(int operation)
{
    return operation >= 0 && operation <= 2;
}

template <class T>
cublasStatus gemm(
    const char* name, Handle* handle, int operation_a, int operation_b, int m, int n, int k, const T* alpha, const T* a,
    int lda, const T* b, int ldb, const T* beta, T* c, int ldc)
{
    if (handle == nullptr)
        return CUBLAS_STATUS_NOT_INITIALIZED;
    if (!is_operation(operation_a) || !is_operation(operation_b) || m < 0 || n < 0 || k < 0)
        return CUBLAS_STATUS_INVALID_VALUE;
    // For real numbers the conjugate transpose is the transpose.
    const bool transpose_a = operation_a != 0;
    const bool transpose_b = operation_b != 0;
    const bool has_strides = lda >= std::max(1, transpose_a ? k : m) && ldb >= std::max(1, transpose_b ? n : k)
        && ldc >= std::max(1, m);
    if (!has_strides || alpha == nullptr || beta == nullptr)
        return CUBLAS_STATUS_INVALID_VALUE;
    if (m == 0 || n == 0)
        return CUBLAS_STATUS_SUCCESS;

    const bool on_host = handle->pointer_mode == PointerMode::Host;
    auto queued = std::make_unique<QueuedProduct<T>>();
    queued->product = {m, n, k, transpose_a, transpose_b, on_host ? *alpha : T(0), on_host ? *beta : T(0), a, b, c,
                       lda, ldb, ldc};
    queued->device_alpha = on_host ? nullptr : alpha;
    queued->device_beta = on_host ? nullptr : beta;
    queued->name = name;
    const int result =
        softcuda_enqueue(handle->stream, run_product<T>, release_product<T>, queued.release(), name);
    return result == 0 ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_EXECUTION_FAILED;
}

// No exception may leave an exported function; the only one there is says that memory is short.
template <class Body>
cublasStatus answer(Body body)
{
    try
    {
        return body();
    }
    catch (const std::bad_alloc&)
    {
        return CUBLAS_STATUS_ALLOC_FAILED;
    }
}

template <class T>
cublasStatus read_handle(const Handle* handle, T* target, T value)
{
    if (handle == nullptr)
        return CUBLAS_STATUS_NOT_INITIALIZED;
    if (target == nullptr)
        return CUBLAS_STATUS_INVALID_VALUE;
    *target = value;
    return CUBLAS_STATUS_SUCCESS;
}

}

CUBLAS_API cublasStatus cublasCreate_v2(Handle** handle)
{
    return answer([&] {
        void* context = nullptr;
        if (handle == nullptr)
            return CUBLAS_STATUS_INVALID_VALUE;
        if (cuCtxGetCurrent(&context) != 0 || context == nullptr)
            return CUBLAS_STATUS_NOT_INITIALIZED;
        *handle = new Handle();
        return CUBLAS_STATUS_SUCCESS;
    });
}

CUBLAS_API cublasStatus cublasDestroy_v2(Handle* handle)
{
    if (handle == nullptr)
        return CUBLAS_STATUS_NOT_INITIALIZED;
    delete handle;
    return CUBLAS_STATUS_SUCCESS;
}

CUBLAS_API cublasStatus cublasGetVersion_v2(Handle*, int* version)
{
    if (version == nullptr)
        return CUBLAS_STATUS_INVALID_VALUE;
    *version = library_version[0] * 10000 + library_version[1] * 100 + library_version[2];
    return CUBLAS_STATUS_SUCCESS;
}

// property: 0 major, 1 minor, 2 patch.
CUBLAS_API cublasStatus cublasGetProperty(int property, int* value)
{
    if (property < 0 || property > 2 || value == nullptr)
        return CUBLAS_STATUS_INVALID_VALUE;
    *value = library_version[property];
    return CUBLAS_STATUS_SUCCESS;
}

CUBLAS_API cublasStatus cublasSetStream_v2(Handle* handle, void* stream)
{
    if (handle == nullptr)
        return CUBLAS_STATUS_NOT_INITIALIZED;
    handle->stream = stream;
    return CUBLAS_STATUS_SUCCESS;
}

CUBLAS_API cublasStatus cublasGetStream_v2(Handle* handle, void** stream)
{
    return read_handle(handle, stream, handle != nullptr ? handle->stream : nullptr);
}

// The memory offered is not needed, and its bounds are the caller's affair until a kernel of cuBLAS uses it.
CUBLAS_API cublasStatus cublasSetWorkspace_v2(Handle* handle, void* workspace, size_t bytes)
{
    if (handle == nullptr)
        return CUBLAS_STATUS_NOT_INITIALIZED;
    return workspace == nullptr && bytes > 0 ? CUBLAS_STATUS_INVALID_VALUE : CUBLAS_STATUS_SUCCESS;
}

CUBLAS_API cublasStatus cublasSetMathMode(Handle* handle, int mode)
{
    constexpr int disallow_reduced_precision = 16;
    const int base = mode & ~disallow_reduced_precision;
    if (handle == nullptr)
        return CUBLAS_STATUS_NOT_INITIALIZED;
    if (base < 0 || base > 3)
        return CUBLAS_STATUS_INVALID_VALUE;
    handle->math_mode = mode;
    return CUBLAS_STATUS_SUCCESS;
}

CUBLAS_API cublasStatus cublasGetMathMode(Handle* handle, int* mode)
{
    return read_handle(handle, mode, handle != nullptr ? handle->math_mode : 0);
}

CUBLAS_API cublasStatus cublasSetPointerMode_v2(Handle* handle, int mode)
{
    if (handle == nullptr)
        return CUBLAS_STATUS_NOT_INITIALIZED;
    if (mode != 0 && mode != 1)
        return CUBLAS_STATUS_INVALID_VALUE;
    handle->pointer_mode = static_cast<PointerMode>(mode);
    return CUBLAS_STATUS_SUCCESS;
}

CUBLAS_API cublasStatus cublasGetPointerMode_v2(Handle* handle, int* mode)
{
    return read_handle(handle, mode, handle != nullptr ? static_cast<int>(handle->pointer_mode) : 0);
}

CUBLAS_API cublasStatus cublasSgemm_v2(
    Handle* handle, int operation_a, int operation_b, int m, int n, int k, const float* alpha, const float* a, int lda,
    const float* b, int ldb, const float* beta, float* c, int ldc)
{
    return answer([&] {
        return gemm("cublasSgemm", handle, operation_a, operation_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
    });
}

CUBLAS_API cublasStatus cublasDgemm_v2(
    Handle* handle, int operation_a, int operation_b, int m, int n, int k, const double* alpha, const double* a,
    int lda, const double* b, int ldb, const double* beta, double* c, int ldc)
{
    return answer([&] {
        return gemm("cublasDgemm", handle, operation_a, operation_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
    });
}

CUBLAS_API const char* cublasGetStatusName(cublasStatus status)
{
    switch (status)
    {
        case CUBLAS_STATUS_SUCCESS: return "CUBLAS_STATUS_SUCCESS";
        case CUBLAS_STATUS_NOT_INITIALIZED: return "CUBLAS_STATUS_NOT_INITIALIZED";
        case CUBLAS_STATUS_ALLOC_FAILED: return "CUBLAS_STATUS_ALLOC_FAILED";
        case CUBLAS_STATUS_INVALID_VALUE: return "CUBLAS_STATUS_INVALID_VALUE";
        case CUBLAS_STATUS_ARCH_MISMATCH: return "CUBLAS_STATUS_ARCH_MISMATCH";
        case CUBLAS_STATUS_MAPPING_ERROR: return "CUBLAS_STATUS_MAPPING_ERROR";
        case CUBLAS_STATUS_EXECUTION_FAILED: return "CUBLAS_STATUS_EXECUTION_FAILED";
        case CUBLAS_STATUS_INTERNAL_ERROR: return "CUBLAS_STATUS_INTERNAL_ERROR";
        case CUBLAS_STATUS_NOT_SUPPORTED: return "CUBLAS_STATUS_NOT_SUPPORTED";
        case CUBLAS_STATUS_LICENSE_ERROR: return "CUBLAS_STATUS_LICENSE_ERROR";
    }

    return "unknown cuBLAS status";
}

CUBLAS_API const char* cublasGetStatusString(cublasStatus status)
{
    return cublasGetStatusName(status);
}
