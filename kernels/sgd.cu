#include "common.cuh"
#include "pack.cuh"
#include "tensor_list.cuh"

// As many as leave room for the other parameters in the 4 KB that every driver passes to a kernel.
constexpr int MAX_TENSORS = 110;

// As the C# structure of that name. Blocks first_chunk[i] to first_chunk[i + 1] - 1 have tensor i.
struct SgdTensors
{
    real* value[MAX_TENSORS];
    const real* gradient[MAX_TENSORS];
    real* momentum_buffer[MAX_TENSORS];
    int64 elements[MAX_TENSORS];
    unsigned first_chunk[MAX_TENSORS + 1];
};

struct Sgd
{
    real learning_rate;
    real gradient_scale;
    real momentum;
    real gradient_weight; // 1 - dampening
    real weight_decay;
    bool is_first_step;
    bool is_nesterov;

    template <bool HAS_MOMENTUM>
    __device__ void update(real& value, real gradient, real& buffer) const
    {
        const real g = gradient_scale * gradient + weight_decay * value;
        if (!HAS_MOMENTUM)
        {
            value -= learning_rate * g;
            return;
        }

        buffer = is_first_step ? g : momentum * buffer + gradient_weight * g;
        value -= learning_rate * (is_nesterov ? g + momentum * buffer : buffer);
    }
};

template <bool HAS_MOMENTUM>
__device__ void update_chunk(const SgdTensors& tensors, int count, const Sgd& sgd)
{
    const Chunk chunk = chunk_of_block(tensors.first_chunk, tensors.elements, count);
    const int elements = chunk.elements;
    real* value = tensors.value[chunk.tensor] + chunk.first;
    const real* gradient = tensors.gradient[chunk.tensor] + chunk.first;
    real* buffer = HAS_MOMENTUM ? tensors.momentum_buffer[chunk.tensor] + chunk.first : nullptr;

    const bool in_packs = is_aligned(value) && is_aligned(gradient) && is_aligned(buffer);
    const int packs = in_packs ? elements / PACK_ELEMENTS : 0;
    for (int i = threadIdx.x; i < packs; i += blockDim.x)
    {
        Pack v = ((const Pack*)value)[i];
        const Pack g = ((const Pack*)gradient)[i];
        Pack b = {};
        if (HAS_MOMENTUM)
            b = ((const Pack*)buffer)[i];
        for (int k = 0; k < PACK_ELEMENTS; k++)
            sgd.update<HAS_MOMENTUM>(v.values[k], g.values[k], b.values[k]);
        ((Pack*)value)[i] = v;
        if (HAS_MOMENTUM)
            ((Pack*)buffer)[i] = b;
    }

    for (int i = packs * PACK_ELEMENTS + threadIdx.x; i < elements; i += blockDim.x)
    {
        real b = HAS_MOMENTUM ? buffer[i] : 0;
        sgd.update<HAS_MOMENTUM>(value[i], gradient[i], b);
        if (HAS_MOMENTUM)
            buffer[i] = b;
    }
}

// sgd_step: any block size; one block per chunk of 1,024 elements of a tensor: first_chunk[count] blocks.
// value -= learning_rate * learning_rate_factor * (scale * gradient + weight_decay * value), in all tensors at once. The
// learning rate is read from the device, so that a recorded step follows a schedule; so is the scale of the gradients,
// which is 1 where gradient_scale is null. Where is_stopped(watch), nothing changes.
extern "C" __global__ void sgd_step(
    SgdTensors tensors, int count, const double* __restrict__ learning_rate, double learning_rate_factor,
    const double* __restrict__ gradient_scale, real weight_decay, const int64* __restrict__ watch)
{
    if (is_stopped(watch))
        return;
    update_chunk<false>(
        tensors, count,
        {(real)(*learning_rate * learning_rate_factor), scale_of(gradient_scale), 0, 0, weight_decay, false, false});
}

// sgd_momentum_step: as sgd_step, with PyTorch's momentum, dampening and Nesterov's form.
// With g = scale * gradient + weight_decay * value: b = g at the first step, then momentum * b + gradient_weight * g;
// value -= learning_rate * b, or with Nesterov learning_rate * (g + momentum * b).
extern "C" __global__ void sgd_momentum_step(
    SgdTensors tensors, int count, const double* __restrict__ learning_rate, double learning_rate_factor,
    const double* __restrict__ gradient_scale, real weight_decay, real momentum, real gradient_weight,
    int is_first_step, int is_nesterov, const int64* __restrict__ watch)
{
    if (is_stopped(watch))
        return;
    update_chunk<true>(
        tensors, count,
        {(real)(*learning_rate * learning_rate_factor), scale_of(gradient_scale), momentum, gradient_weight,
         weight_decay, is_first_step != 0, is_nesterov != 0});
}
