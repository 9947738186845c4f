// Averages over windows that are products of ranges, one for each axis. An Axis says which inputs a window covers, how many
// places count in it, and which windows cover an input.
#pragma once
#include "common.cuh"
#include "pool_geometry.cuh"

template <typename Axis>
struct AverageWindows
{
    int64 planes;
    Axis slices, rows, columns;
    int divisor; // above 0: what sums are divided by; 0: by the number of places

    // Never by an integer: the places of three axes may be more than 2^31.
    __device__ real divisor_of(int z, int y, int x) const
    {
        return divisor > 0
            ? (real)divisor
            : (real)slices.places_of(z) * (real)rows.places_of(y) * (real)columns.places_of(x);
    }
};

// Elements that are added up before their sum is added in double: fewer roundings on the way of each, and few of the
// instructions that most GPUs have few units for.
constexpr int ELEMENTS_AT_A_TIME = 8;

// Any block and grid size of one dimension. Reads x[planes, slices, rows, columns of inputs], writes y likewise of outputs.
template <typename Axis>
__device__ void average(const AverageWindows<Axis>& w, const real* x, real* y)
{
    const int64 outputs = w.planes * w.slices.outputs * w.rows.outputs * w.columns.outputs;
    for (int64 first = (int64)blockIdx.x * TILE; first < outputs; first += (int64)gridDim.x * TILE)
    {
        const TilePlaces places(first, w.slices.outputs, w.rows.outputs, w.columns.outputs);
        for (int i = threadIdx.x; i < TILE && first + i < outputs; i += blockDim.x)
        {
            const VolumePlace place = places.at(i);
            const Range slices = w.slices.inputs_of(place.z);
            const Range rows = w.rows.inputs_of(place.y);
            const Range columns = w.columns.inputs_of(place.x);

            double sum = 0;
            for (int d = slices.start; d < slices.end; d++)
            {
                for (int r = rows.start; r < rows.end; r++)
                {
                    const real* values =
                        x + ((place.plane * w.slices.inputs + d) * w.rows.inputs + r) * w.columns.inputs;
                    for (int c = columns.start; c < columns.end; c += ELEMENTS_AT_A_TIME)
                    {
                        const int end = min(columns.end - c, ELEMENTS_AT_A_TIME);
                        real part = values[c];
                        for (int more = 1; more < end; more++)
                            part += values[c + more];
                        sum += part;
                    }
                }
            }

            y[first + i] = (real)sum / w.divisor_of(place.z, place.y, place.x);
        }
    }
}

// Any block and grid size of one dimension. Reads grad_y of the outputs, writes grad_x of the inputs: every input adds up
// what the windows that cover it pass back, in row-major order. The other way round would need atomics, and then be in no
// fixed order.
template <typename Axis>
__device__ void gather_averages(const AverageWindows<Axis>& w, const real* grad_y, real* grad_x)
{
    const int64 inputs = w.planes * w.slices.inputs * w.rows.inputs * w.columns.inputs;
    for (int64 first = (int64)blockIdx.x * TILE; first < inputs; first += (int64)gridDim.x * TILE)
    {
        const TilePlaces places(first, w.slices.inputs, w.rows.inputs, w.columns.inputs);
        for (int i = threadIdx.x; i < TILE && first + i < inputs; i += blockDim.x)
        {
            const VolumePlace place = places.at(i);
            const Range slices = w.slices.outputs_of(place.z);
            const Range rows = w.rows.outputs_of(place.y);
            const Range columns = w.columns.outputs_of(place.x);

            real sum = 0;
            for (int z = slices.start; z < slices.end; z++)
            {
                for (int y = rows.start; y < rows.end; y++)
                {
                    const real* gradients =
                        grad_y + ((place.plane * w.slices.outputs + z) * w.rows.outputs + y) * w.columns.outputs;
                    for (int x = columns.start; x < columns.end; x++)
                        sum += gradients[x] / w.divisor_of(z, y, x);
                }
            }

            grad_x[first + i] = sum;
        }
    }
}
