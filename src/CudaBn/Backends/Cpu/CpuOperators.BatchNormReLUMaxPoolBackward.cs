using System.Runtime.CompilerServices;
using CudaBn.Backends.OpArgs;

namespace CudaBn.Backends.Cpu;

// Backward of batch norm, ReLU and max-pooling in one: the gradient is not 0 only where a place won its window, so the
// sums run over those alone, and it is never spread over a tensor of its own.
internal sealed unsafe partial class CpuOperators<TSimd, TVector, T>
{
    /// <summary>A chunk is a block of slices.</summary>
    private readonly struct FusedReduceJob(
        CpuOperators<TSimd, TVector, T> operators, ChannelSlices slices, PoolGeometry pool, UnpoolMap map, T* input,
        byte* argMax, T* gradOutput, double* means, GradientSums* partials) : IChunkJob
    {
        private readonly long _spatial = (long)pool.InHeight * pool.InWidth;
        private readonly long _outputs = (long)pool.OutHeight * pool.OutWidth;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(int chunk, int worker)
        {
            var block = slices.BlockAt(chunk);
            var sums = StartAroundMeans(operators._perWorker[worker], block, means);
            var runs = block.Runs();
            while (runs.MoveNext())
            {
                // Slices end with planes, so every run is one.
                var plane = runs.Offset / _spatial;
                for (var channel = 0; channel < block.Channels; channel++, plane++)
                {
                    T* source = input + plane * _spatial, gradients = gradOutput + plane * _outputs;
                    var places = argMax + plane * _outputs;
                    if (map.Registers > 0)
                        ReduceFlat(source, places, gradients, sums + channel);
                    else
                        ReduceRows(source, places, gradients, sums + channel);
                }
            }

            StoreGradientSums(sums, block, means, partials);
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void ReduceRows(T* source, byte* places, T* gradients, ChannelSums* winners)
        {
            var means = TSimd.Create(winners->Origin);
            var (one, two, three) = (Number(1), Number(2), Number(3));
            TVector sums = winners->SumA, products = winners->ProductA;
            for (var y = 0; y < pool.OutHeight; y++)
            {
                T* top = source + 2L * y * pool.InWidth, bottom = top + pool.InWidth;
                var row = (long)y * pool.OutWidth;
                for (var x = 0; x < pool.OutWidth; x += TSimd.Count)
                {
                    TSimd.Deinterleave(
                        TSimd.Load(top + 2 * x), TSimd.Load(top + 2 * x + TSimd.Count), out var winner, out var b);
                    TSimd.Deinterleave(
                        TSimd.Load(bottom + 2 * x), TSimd.Load(bottom + 2 * x + TSimd.Count), out var c, out var d);
                    var place = TSimd.LoadBytes(places + row + x);
                    winner = TSimd.Select(TSimd.Equal(place, one), b, winner);
                    winner = TSimd.Select(TSimd.Equal(place, two), c, winner);
                    winner = TSimd.Select(TSimd.Equal(place, three), d, winner);
                    // The places that won, of those inside the row.
                    var counted = TSimd.AndNot(FirstLanes(pool.OutWidth - x), TSimd.GreaterThan(place, three));
                    var gradient = TSimd.And(counted, TSimd.Load(gradients + row + x));
                    var deviation = TSimd.And(counted, TSimd.Subtract(winner, means));
                    sums = TSimd.Add(sums, gradient);
                    products = TSimd.MultiplyAdd(gradient, deviation, products);
                }
            }

            (winners->SumA, winners->ProductA) = (sums, products);
        }

        /// <summary><see cref="ReduceRows"/> over the plane as one row.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void ReduceFlat(T* source, byte* places, T* gradients, ChannelSums* winners)
        {
            var means = TSimd.Create(winners->Origin);
            TVector sums = winners->SumA, products = winners->ProductA;
            for (var i = 0; i < map.Registers; i++)
            {
                var gradient = map.GradientOf(i, places, gradients, map.Counted(i));
                sums = TSimd.Add(sums, gradient);
                products = TSimd.MultiplyAdd(
                    gradient, TSimd.Subtract(TSimd.Load(source + map.Start(i)), means), products);
            }

            (winners->SumA, winners->ProductA) = (sums, products);
        }
    }

    /// <summary>A chunk is some planes.</summary>
    private readonly struct FusedInputGradientJob(
        ChannelPlanes planes, PoolGeometry pool, UnpoolMap map, InputGradientConstants* constants, T* input,
        byte* argMax, T* gradOutput, T* gradInput) : IChunkJob
    {
        private readonly long _outputs = (long)pool.OutHeight * pool.OutWidth;

        // Two rows of the input for each of the output.
        private readonly int _wholeRows = WholeRows(2 * pool.OutHeight, pool.InWidth, BlockLanes) / 2;

        public int Chunks => planes.Count;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(int chunk, int worker)
        {
            var parts = planes.Planes(chunk);
            while (parts.MoveNext())
            {
                T* source = input + parts.Offset, destination = gradInput + parts.Offset;
                var gradients = gradOutput + parts.Plane * _outputs;
                var places = argMax + parts.Plane * _outputs;
                var c = constants + parts.Channel;
                if (map.Registers > 0)
                {
                    SpreadFlat(source, places, gradients, in *c, destination);
                    continue;
                }

                var wholeRows = parts.IsFollowed && parts.Length >= BlockLanes ? pool.OutHeight : _wholeRows;
                SpreadRows<WholeStores>(source, places, gradients, in *c, destination, 0, wholeRows);
                if (wholeRows < pool.OutHeight)
                    SpreadRows<EndingStores>(source, places, gradients, in *c, destination, wholeRows, pool.OutHeight);
            }
        }

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void SpreadRows<TStores>(
            T* source, byte* places, T* gradients, in InputGradientConstants c, T* destination, int firstRow, int endRow)
            where TStores : struct, IRowStores
        {
            var (mean, invStd) = (TSimd.Create(c.Mean), TSimd.Create(c.InvStd));
            var (shift, slope, scale) = (TSimd.Create(c.Offset), TSimd.Create(c.Slope), TSimd.Create(c.Scale));
            var planeEnd = destination + (long)pool.InHeight * pool.InWidth;
            for (var y = firstRow; y < endRow; y++)
            {
                // Row by row: what is written past the end of a row is overwritten by the next one.
                for (var lower = 0; lower < 2; lower++)
                {
                    var offset = (2L * y + lower) * pool.InWidth;
                    var (left, right) = (Number(2 * lower), Number(2 * lower + 1));
                    for (var x = 0; x < pool.OutWidth; x += TSimd.Count)
                    {
                        var gradient = TSimd.Load(gradients + (long)y * pool.OutWidth + x);
                        var place = TSimd.LoadBytes(places + (long)y * pool.OutWidth + x);
                        TSimd.Interleave(
                            TSimd.And(TSimd.Equal(place, left), gradient),
                            TSimd.And(TSimd.Equal(place, right), gradient),
                            out var low, out var high);
                        var at = offset + 2 * x;
                        TStores.Store(
                            InputGradient(TSimd.Load(source + at), low, mean, invStd, shift, slope, scale),
                            destination + at, destination, planeEnd, pool.InWidth - 2 * x);
                        TStores.Store(
                            InputGradient(TSimd.Load(source + at + TSimd.Count), high, mean, invStd, shift, slope, scale),
                            destination + at + TSimd.Count, destination, planeEnd, pool.InWidth - 2 * x - TSimd.Count);
                    }
                }
            }
        }

        /// <summary><see cref="SpreadRows"/> over the plane as one row.</summary>
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private void SpreadFlat(T* source, byte* places, T* gradients, in InputGradientConstants c, T* destination)
        {
            var (mean, invStd) = (TSimd.Create(c.Mean), TSimd.Create(c.InvStd));
            var (shift, slope, scale) = (TSimd.Create(c.Offset), TSimd.Create(c.Slope), TSimd.Create(c.Scale));
            for (var i = 0; i < map.Registers; i++)
            {
                var gradient = map.GradientOf(i, places, gradients, map.Codes(i));
                var at = map.Start(i);
                TSimd.Store(
                    InputGradient(TSimd.Load(source + at), gradient, mean, invStd, shift, slope, scale),
                    destination + at);
            }
        }

    }
}
