using System.Runtime.CompilerServices;
using CudaBn.Backends.OpArgs;

namespace CudaBn.Backends.Cpu;

// The second sweep of backward of batch norm, ReLU and max-pooling in one: the gradient is not 0 only where a place won its
// window, and it is never spread over a tensor of its own.
internal sealed unsafe partial class CpuOperators<TSimd, TVector, T>
{
    /// <summary>A chunk is some planes.</summary>
    private readonly struct FusedInputGradientJob(
        ChannelPlanes planes, PoolGeometry pool, UnpoolMap map, InputGradientConstants* constants, T* input,
        byte* argMax, T* gradOutput, T* gradInput) : IChunkJob
    {
        private readonly long _outputs = (long)pool.OutHeight * pool.OutWidth;

        // Two rows of the input for each of the output.
        private readonly int _wholeRows = WholeRows(2 * pool.OutHeight, pool.InWidth, BlockLanes) / 2;

        public int Chunks => planes.Count;

        [MethodImpl(Compiled.AsLoop)]
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

        [MethodImpl(Compiled.AsLoop)]
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
        [MethodImpl(Compiled.AsLoop)]
        private void SpreadFlat(T* source, byte* places, T* gradients, in InputGradientConstants c, T* destination)
        {
            var (mean, invStd) = (TSimd.Create(c.Mean), TSimd.Create(c.InvStd));
            var (shift, slope, scale) = (TSimd.Create(c.Offset), TSimd.Create(c.Slope), TSimd.Create(c.Scale));
            nint last = map.Registers - 1, pulled = (nint)map.Start((int)last);
            for (nint i = 0, at = 0; i <= last; i++, at += TSimd.Count)
            {
                if (i == last)
                    at = pulled;
                TSimd.Store(
                    InputGradient(
                        TSimd.Load(source + at), map.GradientOf(i, places, gradients), mean, invStd, shift, slope, scale),
                    destination + at);
            }
        }
    }
}
