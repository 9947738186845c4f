#include "batch_norm.cuh"
#include "pack.cuh"

// Batch normalization, rectifier and max-pooling by windows of 2 x 2 side by side that cover the input, in one sweep. The
// normalized values are compared, not the inputs, so that ties fall as in the chain of the three operators. Forward saves
// which input won each window: no gradient reaches another, so the sums of backward are those of batch_norm_relu over the
// winners, a quarter of the input, and no gradient of the rectifier or the pooling is ever stored.
// Reals moved per element of the input, a byte for the place in each window being 1/16, where the chain of kernels moves the
// number in brackets: forward 2 9/16 (6 5/16), backward 2 13/16 (9 5/16).

// Stands for a window that the rectifier made 0: no gradient flows through it.
constexpr unsigned char RECTIFIED = 255;

// Where the two pairs of inputs lie that a window is made of.
struct Window
{
    int64 top;
    int64 bottom;
};

__device__ inline Window window_at(const Visits<1>& visits, int out_width)
{
    const int64 plane = visits.offset - visits.column;
    const unsigned row = (unsigned)visits.column / (unsigned)out_width;
    const unsigned column = (unsigned)visits.column - row * (unsigned)out_width;
    const int64 top = 4 * (plane + (int64)row * out_width) + 2 * column;
    return {top, top + 2 * out_width};
}

__device__ inline Pair load_pair(const real* address, bool is_aligned)
{
    return is_aligned ? *(const Pair*)address : Pair{address[0], address[1]};
}

__device__ inline void store_pair(const Pair& pair, real* address, bool is_aligned)
{
    if (is_aligned)
    {
        *(Pair*)address = pair;
        return;
    }

    address[0] = pair.left;
    address[1] = pair.right;
}

struct Inputs
{
    Window window;
    Pair top;
    Pair bottom;
};

struct InputsAndGradient
{
    Window window;
    Pair top;
    Pair bottom;
    real gradient;
    unsigned char winner;
};

// The input that wins a window so far, its place there and what it is normalized to.
struct Winner
{
    real value;
    real normalized;
    unsigned char place;
};

__device__ inline void challenge(Winner& winner, real value, real normalized, unsigned char place)
{
    if (normalized > winner.normalized || (isnan(normalized) && !isnan(winner.normalized)))
        winner = {value, normalized, place};
}

// batch_norm_relu_max_pool_forward: blockDim.x 128; a block per slice of a channel's windows.
// Reads x[batch, channels, spatial], whose rows are 2 * out_width long. Writes y, a quarter of that, and, where arg_max is not
// null, arg_max and winners, as large as y: the place row * 2 + column in the window that won, or RECTIFIED, and the input
// there. is_aligned says that pairs of x are.
extern "C" __global__ void __launch_bounds__(128) batch_norm_relu_max_pool_forward(
    BatchNormGeometry geometry, ChannelSlices slices, BatchNormStatistics statistics, int out_width, int is_aligned,
    const real* __restrict__ x, const real* __restrict__ gamma, const real* __restrict__ beta, real* __restrict__ y,
    unsigned char* __restrict__ arg_max, real* __restrict__ winners)
{
    Visits<1> visits = visits_of_thread<1>(geometry, slices, geometry.spatial / 4);
    auto loads = loads_of<4>(visits, [&](const Visits<1>& next) {
        const Window window = window_at(next, out_width);
        return Inputs{window, load_pair(x + window.top, is_aligned), load_pair(x + window.bottom, is_aligned)};
    });
    const NormalizeConstants constants = normalize_constants(statistics, gamma, beta, visits.channel);
    do
    {
        loads.for_each([&](const Inputs& inputs, int64 output) {
            const Pair top = inputs.top, bottom = inputs.bottom;
            Winner winner = {top.left, constants.normalize(top.left), 0};
            challenge(winner, top.right, constants.normalize(top.right), 1);
            challenge(winner, bottom.left, constants.normalize(bottom.left), 2);
            challenge(winner, bottom.right, constants.normalize(bottom.right), 3);
            const bool is_rectified = winner.normalized <= 0;
            y[output] = is_rectified ? 0 : winner.normalized;
            if (arg_max != nullptr)
            {
                arg_max[output] = is_rectified ? RECTIFIED : winner.place;
                winners[output] = winner.value;
            }
        });
    } while (loads.load_next());
}

// batch_norm_relu_max_pool_backward_input: blockDim.x 128; a block per slice of a channel's windows.
// Reads x, arg_max, grad_y and the channels' sums. Writes grad_x, of the shape of x: every
// window its four inputs, of which one at most gets a gradient from above. is_aligned says that pairs of x and grad_x are.
extern "C" __global__ void __launch_bounds__(128) batch_norm_relu_max_pool_backward_input(
    BatchNormGeometry geometry, ChannelSlices slices, BatchNormStatistics statistics, int out_width, int is_aligned,
    const real* __restrict__ x, const real* __restrict__ gamma, const unsigned char* __restrict__ arg_max,
    const real* __restrict__ grad_y, const GradientSums* __restrict__ sums_of_channels, real* __restrict__ grad_x)
{
    Visits<1> visits = visits_of_thread<1>(geometry, slices, geometry.spatial / 4);
    auto loads = loads_of<4>(visits, [&](const Visits<1>& next) {
        const Window window = window_at(next, out_width);
        return InputsAndGradient{
            window, load_pair(x + window.top, is_aligned), load_pair(x + window.bottom, is_aligned), grad_y[next.offset],
            arg_max[next.offset]};
    });
    const InputGradientConstants constants = input_gradient_constants(
        statistics, gamma, sums_of_channels[visits.channel], (double)geometry.batch * geometry.spatial,
        visits.channel);
    do
    {
        loads.for_each([&](const InputsAndGradient& inputs, int64) {
            const Pair top = inputs.top, bottom = inputs.bottom;
            const real gradient = inputs.gradient;
            const int winner = inputs.winner;
            store_pair(
                {constants.input_gradient(top.left, winner == 0 ? gradient : 0),
                 constants.input_gradient(top.right, winner == 1 ? gradient : 0)},
                grad_x + inputs.window.top, is_aligned);
            store_pair(
                {constants.input_gradient(bottom.left, winner == 2 ? gradient : 0),
                 constants.input_gradient(bottom.right, winner == 3 ? gradient : 0)},
                grad_x + inputs.window.bottom, is_aligned);
        });
    } while (loads.load_next());
}
