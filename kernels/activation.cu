#include "common.cuh"

// As the C# enumeration of that name.
enum ActivationKind
{
    LEAKY_RELU,
    GELU,
    GELU_TANH,
    SILU,
    SIGMOID,
    TANH
};

// Beyond it either way, every function here is its limit; and its cube is still a number. What is multiplied by an
// underflown 0 must not be infinite.
constexpr real SATURATED = 1e10f;

__device__ inline real bounded_below(real x)
{
    return x < -SATURATED ? -SATURATED : x;
}

__device__ inline real bounded(real x)
{
    return x > SATURATED ? SATURATED : bounded_below(x);
}

// The logistic function and its derivative: from exp(-|x|), which never overflows, without 1 - value, which would lose
// its digits where the value is near 1.
struct Logistic
{
    real value;
    real slope;

    __device__ explicit Logistic(real x)
    {
        const real e = exp(-fabs(x));
        const real sum = 1 + e;
        value = (x > 0 ? 1 : e) / sum;
        slope = e / (sum * sum);
    }
};

// The distribution function of the normal distribution. The tail is worked out by itself: 1 + erf would have no digits of
// it left.
__device__ inline real normal_distribution(real x)
{
    const real tail = (real)0.5 * erfc(fabs(x) * (real)0.70710678118654752440);
    return x > 0 ? 1 - tail : tail;
}

struct LeakyRelu
{
    real negative_slope;

    __device__ real of(real x) const
    {
        return x <= 0 ? negative_slope * x : x;
    }

    __device__ real derivative(real x) const
    {
        return x <= 0 ? negative_slope : (real)1;
    }
};

struct Gelu
{
    __device__ real of(real x) const
    {
        return bounded_below(x) * normal_distribution(x);
    }

    __device__ real derivative(real x) const
    {
        x = bounded(x);
        const real density = (real)0.39894228040143267794 * exp((real)-0.5 * (x * x));
        return normal_distribution(x) + x * density;
    }
};

struct GeluTanh
{
    // 2 * sqrt(2 / pi), and that times the weight of the cube.
    static constexpr real LINEAR = (real)1.59576912160573071176;
    static constexpr real CUBIC = (real)(1.59576912160573071176 * 0.044715);

    __device__ real of(real x) const
    {
        return bounded_below(x) * Logistic(x * (LINEAR + CUBIC * (x * x))).value;
    }

    __device__ real derivative(real x) const
    {
        x = bounded(x);
        const Logistic gate(x * (LINEAR + CUBIC * (x * x)));
        return gate.value + x * (LINEAR + 3 * CUBIC * (x * x)) * gate.slope;
    }
};

struct Silu
{
    __device__ real of(real x) const
    {
        return bounded_below(x) * Logistic(x).value;
    }

    __device__ real derivative(real x) const
    {
        x = bounded(x);
        const Logistic gate(x);
        return gate.value + x * gate.slope;
    }
};

struct Sigmoid
{
    __device__ real of(real x) const
    {
        return Logistic(x).value;
    }

    __device__ real derivative(real x) const
    {
        return Logistic(x).slope;
    }
};

struct Tanh
{
    __device__ real of(real x) const
    {
        return tanh(x);
    }

    // Four times the derivative of the logistic function at 2x.
    __device__ real derivative(real x) const
    {
        return 4 * Logistic(2 * x).slope;
    }
};

template <typename Function>
__device__ void forward(Function function, const real* __restrict__ x, int64 elements, real* __restrict__ y)
{
    for (int64 i = global_thread(); i < elements; i += global_threads())
        y[i] = function.of(x[i]);
}

template <typename Function>
__device__ void backward(
    Function function, const real* __restrict__ x, const real* __restrict__ grad_y, int64 elements,
    real* __restrict__ grad_x)
{
    for (int64 i = global_thread(); i < elements; i += global_threads())
        grad_x[i] = grad_y[i] * function.derivative(x[i]);
}

// activation_forward: any block and grid size of one dimension; kind, an ActivationKind, is the same for all threads.
// y = function(x). Waiting for memory, not arithmetic, is what takes the time.
extern "C" __global__ void activation_forward(
    int kind, real negative_slope, const real* __restrict__ x, int64 elements, real* __restrict__ y)
{
    switch (kind)
    {
        case LEAKY_RELU:
            return forward(LeakyRelu{negative_slope}, x, elements, y);
        case GELU:
            return forward(Gelu{}, x, elements, y);
        case GELU_TANH:
            return forward(GeluTanh{}, x, elements, y);
        case SILU:
            return forward(Silu{}, x, elements, y);
        case SIGMOID:
            return forward(Sigmoid{}, x, elements, y);
        default:
            return forward(Tanh{}, x, elements, y);
    }
}

// activation_backward: as activation_forward. grad_x = grad_y * the derivative of the function at its input x.
extern "C" __global__ void activation_backward(
    int kind, real negative_slope, const real* __restrict__ x, const real* __restrict__ grad_y, int64 elements,
    real* __restrict__ grad_x)
{
    switch (kind)
    {
        case LEAKY_RELU:
            return backward(LeakyRelu{negative_slope}, x, grad_y, elements, grad_x);
        case GELU:
            return backward(Gelu{}, x, grad_y, elements, grad_x);
        case GELU_TANH:
            return backward(GeluTanh{}, x, grad_y, elements, grad_x);
        case SILU:
            return backward(Silu{}, x, grad_y, elements, grad_x);
        case SIGMOID:
            return backward(Sigmoid{}, x, grad_y, elements, grad_x);
        default:
            return backward(Tanh{}, x, grad_y, elements, grad_x);
    }
}
