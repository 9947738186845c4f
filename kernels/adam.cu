#include "common.cuh"
#include "pack.cuh"
#include "tensor_list.cuh"

// As many as leave room for the other parameters in the 4 KB that every driver passes to a kernel.
constexpr int MAX_TENSORS = 90;
constexpr int MAX_COUNTED = 960;

// As the C# structures of those names. Blocks first_chunk[i] to first_chunk[i + 1] - 1 have tensor i.
struct AdamTensors
{
    real* value[MAX_TENSORS];
    const real* gradient[MAX_TENSORS];
    real* first_moment[MAX_TENSORS];
    real* second_moment[MAX_TENSORS];
    int64 elements[MAX_TENSORS];
    unsigned first_chunk[MAX_TENSORS + 1];
};

struct AdamCounters
{
    int index[MAX_COUNTED];
};

// What a tensor's number of steps decides.
struct AdamCorrection
{
    double step_size;
    double inverse_root; // 1 / sqrt(1 - beta2^t)
};

// 1 - base^exponent for a base in [0, 1) and an exponent of at least 1, without the digits that a power near 1 would cost:
// 1 - b^(m + n) is (1 - b^m) + b^m * (1 - b^n), in which nothing cancels.
__device__ inline double complement_of_power(double base, int64 exponent)
{
    double result = 0;
    for (double factor = 1 - base; exponent > 0; exponent /= 2)
    {
        if (exponent % 2 != 0)
            result += (1 - result) * factor;
        factor += (1 - factor) * factor;
    }

    return result;
}

// adam_count: any block and grid size of one dimension with at least count threads; thread i has tensor i.
// Adds a step to steps[counters.index[i]] and writes what it means to corrections[i]; nothing where is_stopped(watch).
extern "C" __global__ void adam_count(
    AdamCounters counters, int count, const double* __restrict__ learning_rate, double learning_rate_factor,
    double beta1, double beta2, int64* steps, AdamCorrection* corrections, const int64* __restrict__ watch)
{
    if (is_stopped(watch))
        return;
    const int64 i = global_thread();
    if (i >= count)
        return;
    const int64 step = ++steps[counters.index[i]];
    corrections[i].step_size = *learning_rate * learning_rate_factor / complement_of_power(beta1, step);
    corrections[i].inverse_root = 1 / sqrt(complement_of_power(beta2, step));
}

struct Adam
{
    real gradient_scale;
    real beta1;
    real gradient_weight; // 1 - beta1
    real beta2;
    real square_weight; // 1 - beta2
    real epsilon;
    real weight_decay; // added to the gradient
    real value_weight; // of decoupled decay
    real step_size;
    real inverse_root;

    __device__ void update(real& value, real gradient, real& first_moment, real& second_moment) const
    {
        const real g = gradient_scale * gradient + weight_decay * value;
        first_moment = beta1 * first_moment + gradient_weight * g;
        second_moment = beta2 * second_moment + square_weight * g * g;
        const real denominator = sqrt(second_moment) * inverse_root + epsilon;
        value = value_weight * value - step_size * (first_moment / denominator);
    }
};

// adam_step: any block size; one block per chunk of 1,024 elements of a tensor: first_chunk[count] blocks.
// All tensors at once, tensor i with corrections[i] of adam_count. With g = scale * gradient + l2 * value:
// m = beta1 * m + (1 - beta1) * g, v = beta2 * v + (1 - beta2) * g^2,
// value = (1 - learning_rate * decay) * value - step_size * m / (sqrt(v) * inverse_root + epsilon).
// The learning rate and the scale of the gradients, 1 where null, are read from the device. Where is_stopped(watch), nothing
// changes.
extern "C" __global__ void adam_step(
    AdamTensors tensors, int count, const AdamCorrection* __restrict__ corrections,
    const double* __restrict__ learning_rate, double learning_rate_factor, const double* __restrict__ gradient_scale,
    double beta1, double beta2, real epsilon, real l2, double decay, const int64* __restrict__ watch)
{
    if (is_stopped(watch))
        return;
    const Chunk chunk = chunk_of_block(tensors.first_chunk, tensors.elements, count);
    const AdamCorrection correction = corrections[chunk.tensor];
    const Adam adam = {
        scale_of(gradient_scale), (real)beta1, (real)(1 - beta1), (real)beta2, (real)(1 - beta2), epsilon, l2,
        (real)(1 - *learning_rate * learning_rate_factor * decay), (real)correction.step_size,
        (real)correction.inverse_root};
    real* value = tensors.value[chunk.tensor] + chunk.first;
    const real* gradient = tensors.gradient[chunk.tensor] + chunk.first;
    real* first_moment = tensors.first_moment[chunk.tensor] + chunk.first;
    real* second_moment = tensors.second_moment[chunk.tensor] + chunk.first;

    const bool in_packs =
        is_aligned(value) && is_aligned(gradient) && is_aligned(first_moment) && is_aligned(second_moment);
    const int packs = in_packs ? chunk.elements / PACK_ELEMENTS : 0;
    for (int i = threadIdx.x; i < packs; i += blockDim.x)
    {
        Pack p = ((const Pack*)value)[i];
        const Pack g = ((const Pack*)gradient)[i];
        Pack m = ((const Pack*)first_moment)[i];
        Pack v = ((const Pack*)second_moment)[i];
        for (int k = 0; k < PACK_ELEMENTS; k++)
            adam.update(p.values[k], g.values[k], m.values[k], v.values[k]);
        ((Pack*)value)[i] = p;
        ((Pack*)first_moment)[i] = m;
        ((Pack*)second_moment)[i] = v;
    }

    for (int i = packs * PACK_ELEMENTS + threadIdx.x; i < chunk.elements; i += blockDim.x)
        adam.update(value[i], gradient[i], first_moment[i], second_moment[i]);
}
