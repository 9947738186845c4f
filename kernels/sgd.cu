#include "common.cuh"
#include "pack.cuh"

// How many elements a block updates.
constexpr int CHUNK = 1024;

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
    real momentum;
    real gradient_weight; // 1 - dampening
    real weight_decay;
    bool is_first_step;
    bool is_nesterov;

    template <bool HAS_MOMENTUM>
    __device__ void update(real& value, real gradient, real& buffer) const
    {
        const real g = gradient + weight_decay * value;
        if (!HAS_MOMENTUM)
        {
            value -= learning_rate * g;
            return;
        }

        buffer = is_first_step ? g : momentum * buffer + gradient_weight * g;
        value -= learning_rate * (is_nesterov ? g + momentum * buffer : buffer);
    }
};

// The tensor of this block, by bisection.
__device__ inline int tensor_of_block(const unsigned* first_chunk, int tensors)
{
    int low = 0;
    for (int high = tensors; high - low > 1;)
    {
        const int middle = (low + high) / 2;
        if (first_chunk[middle] <= blockIdx.x)
            low = middle;
        else
            high = middle;
    }

    return low;
}

__device__ inline bool is_aligned(const void* address)
{
    return (size_t)address % sizeof(Pack) == 0;
}

template <bool HAS_MOMENTUM>
__device__ void update_chunk(const SgdTensors& tensors, int count, const Sgd& sgd)
{
    const int tensor = tensor_of_block(tensors.first_chunk, count);
    const int64 first = (int64)(blockIdx.x - tensors.first_chunk[tensor]) * CHUNK;
    const int64 left = tensors.elements[tensor] - first;
    const int elements = left < CHUNK ? (int)left : CHUNK;
    real* value = tensors.value[tensor] + first;
    const real* gradient = tensors.gradient[tensor] + first;
    real* buffer = HAS_MOMENTUM ? tensors.momentum_buffer[tensor] + first : nullptr;

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
// value -= learning_rate * (gradient + weight_decay * value), in all tensors at once. The learning rate is read from the
// device, so that a recorded step follows a schedule.
extern "C" __global__ void sgd_step(
    SgdTensors tensors, int count, const double* __restrict__ learning_rate, real weight_decay)
{
    update_chunk<false>(tensors, count, {(real)*learning_rate, 0, 0, weight_decay, false, false});
}

// sgd_momentum_step: as sgd_step, with PyTorch's momentum, dampening and Nesterov's form.
// With g = gradient + weight_decay * value: b = g at the first step, then momentum * b + gradient_weight * g;
// value -= learning_rate * b, or with Nesterov learning_rate * (g + momentum * b).
extern "C" __global__ void sgd_momentum_step(
    SgdTensors tensors, int count, const double* __restrict__ learning_rate, real weight_decay, real momentum,
    real gradient_weight, int is_first_step, int is_nesterov)
{
    update_chunk<true>(
        tensors, count,
        {(real)*learning_rate, momentum, gradient_weight, weight_decay, is_first_step != 0, is_nesterov != 0});
}
