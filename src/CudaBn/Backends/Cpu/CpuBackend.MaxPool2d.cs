using CudaBn.Backends.OpArgs;

namespace CudaBn.Backends.Cpu;

public sealed partial class CpuBackend
{
    /// <inheritdoc/>
    public override void MaxPool2dForward(in MaxPool2dForwardArgs args)
    {
        lock (_gate)
            For(args.Input.DType).MaxPool2dForward(in args);
    }

    /// <inheritdoc/>
    public override void MaxPool2dBackward(in MaxPool2dBackwardArgs args)
    {
        lock (_gate)
            For(args.GradOutput.DType).MaxPool2dBackward(in args);
    }
}

internal abstract partial class CpuOperators
{
    public abstract void MaxPool2dForward(in MaxPool2dForwardArgs args);

    public abstract void MaxPool2dBackward(in MaxPool2dBackwardArgs args);
}

internal sealed unsafe partial class CpuOperators<TSimd, TVector, T>
{
    public override void MaxPool2dForward(in MaxPool2dForwardArgs args)
    {
        var g = args.Geometry;
        var chunks = PlaneChunks(g.Planes, (long)g.InHeight * g.InWidth);
        var argMax = args.ArgMax is null ? 0 : args.ArgMax.Address;
        if (g.ArgMaxType == DType.UInt8)
        {
            var job = new MaxPool2dForwardJob<byte>(g, Data(args.Input), Data(args.Output), (byte*)argMax, chunks);
            _pool.Run(ref job, chunks);
        }
        else
        {
            var job = new MaxPool2dForwardJob<int>(g, Data(args.Input), Data(args.Output), (int*)argMax, chunks);
            _pool.Run(ref job, chunks);
        }
    }

    public override void MaxPool2dBackward(in MaxPool2dBackwardArgs args)
    {
        var g = args.Geometry;
        var chunks = PlaneChunks(g.Planes, (long)g.InHeight * g.InWidth);
        if (g.ArgMaxType == DType.UInt8)
        {
            var job = new MaxPool2dBackwardJob<byte>(
                g, (byte*)args.ArgMax.Address, Data(args.GradOutput), Data(args.GradInput), chunks);
            _pool.Run(ref job, chunks);
        }
        else
        {
            var job = new MaxPool2dBackwardJob<int>(
                g, (int*)args.ArgMax.Address, Data(args.GradOutput), Data(args.GradInput), chunks);
            _pool.Run(ref job, chunks);
        }
    }

    /// <summary>Planes are shared out in chunks of about <see cref="ElementsPerChunk"/> elements.</summary>
    private static int PlaneChunks(long planes, long elementsPerPlane) =>
        (int)Math.Clamp(planes * elementsPerPlane / ElementsPerChunk, 1, Math.Min(planes, 1 << 20));

    private readonly struct MaxPool2dForwardJob<TIndex>(
        MaxPool2dGeometry g, T* input, T* output, TIndex* argMax, int chunks) : IChunkJob
        where TIndex : unmanaged
    {
        public void Run(int chunk, int worker)
        {
            // Windows of 2 x 2 side by side, by far the most common, have a path in registers.
            var pairs = typeof(TIndex) == typeof(byte) && TSimd.Count > 1
                && g is { WindowHeight: 2, WindowWidth: 2, StrideY: 2, StrideX: 2, PaddingY: 0, PaddingX: 0 };
            var end = (chunk + 1L) * g.Planes / chunks;
            for (var plane = chunk * g.Planes / chunks; plane < end; plane++)
            {
                var source = input + plane * g.InHeight * g.InWidth;
                var first = plane * g.OutHeight * g.OutWidth;
                for (var y = 0; y < g.OutHeight; y++)
                {
                    var row = first + (long)y * g.OutWidth;
                    var indices = argMax == null ? null : argMax + row;
                    var x = pairs
                        ? PoolPairs(source + 2L * y * g.InWidth, output + row, (byte*)indices)
                        : 0;
                    for (; x < g.OutWidth; x++)
                        output[row + x] = PoolWindow(source, y, x, indices == null ? null : indices + x);
                }
            }
        }

        /// <summary>Pools a row of 2 x 2 windows, a register of them at a time; returns how many it did.</summary>
        private int PoolPairs(T* top, T* destination, byte* indices)
        {
            var bottom = top + g.InWidth;
            var x = 0;
            var places = stackalloc T[TSimd.Count];
            for (; x + TSimd.Count <= g.OutWidth; x += TSimd.Count)
            {
                TSimd.Deinterleave(
                    TSimd.Load(top + 2 * x), TSimd.Load(top + 2 * x + TSimd.Count), out var best, out var second);
                TSimd.Deinterleave(
                    TSimd.Load(bottom + 2 * x), TSimd.Load(bottom + 2 * x + TSimd.Count), out var third, out var fourth);
                var place = TSimd.Zero;
                Take(second, T.One, ref best, ref place);
                Take(third, T.CreateTruncating(2), ref best, ref place);
                Take(fourth, T.CreateTruncating(3), ref best, ref place);
                TSimd.Store(best, destination + x);
                if (indices == null)
                    continue;
                TSimd.Store(place, places);
                for (var i = 0; i < TSimd.Count; i++)
                    indices[x + i] = byte.CreateTruncating(places[i]);
            }

            return x;
        }

        // A later value wins when greater, or when NaN and the best so far is not.
        private static void Take(TVector value, T number, ref TVector best, ref TVector place)
        {
            var wins = TSimd.AndNot(
                TSimd.Or(TSimd.GreaterThan(value, best), TSimd.IsNaN(value)), TSimd.IsNaN(best));
            best = TSimd.Select(wins, value, best);
            place = TSimd.Select(wins, TSimd.Create(number), place);
        }

        private T PoolWindow(T* source, int y, int x, TIndex* index)
        {
            int top = y * g.StrideY - g.PaddingY, left = x * g.StrideX - g.PaddingX;
            int rowStart = Math.Max(0, -top), rowEnd = Math.Min(g.WindowHeight, g.InHeight - top);
            int columnStart = Math.Max(0, -left), columnEnd = Math.Min(g.WindowWidth, g.InWidth - left);
            var best = source[(long)(top + rowStart) * g.InWidth + left + columnStart];
            var place = rowStart * g.WindowWidth + columnStart;
            for (var row = rowStart; row < rowEnd; row++)
            {
                for (var column = columnStart; column < columnEnd; column++)
                {
                    var value = source[(long)(top + row) * g.InWidth + left + column];
                    if (value > best || (T.IsNaN(value) && !T.IsNaN(best)))
                    {
                        best = value;
                        place = row * g.WindowWidth + column;
                    }
                }
            }

            if (index != null)
            {
                if (typeof(TIndex) == typeof(byte))
                    *(byte*)index = (byte)place;
                else
                    *(int*)index = place;
            }

            return best;
        }
    }

    private readonly struct MaxPool2dBackwardJob<TIndex>(
        MaxPool2dGeometry g, TIndex* argMax, T* gradOutput, T* gradInput, int chunks) : IChunkJob
        where TIndex : unmanaged
    {
        public void Run(int chunk, int worker)
        {
            var end = (chunk + 1L) * g.Planes / chunks;
            for (var plane = chunk * g.Planes / chunks; plane < end; plane++)
            {
                var destination = gradInput + plane * g.InHeight * g.InWidth;
                new Span<T>(destination, g.InHeight * g.InWidth).Clear();
                var i = plane * g.OutHeight * g.OutWidth;
                for (var y = 0; y < g.OutHeight; y++)
                {
                    var top = y * g.StrideY - g.PaddingY;
                    for (var x = 0; x < g.OutWidth; x++, i++)
                    {
                        var place = typeof(TIndex) == typeof(byte) ? ((byte*)argMax)[i] : ((int*)argMax)[i];
                        var row = top + place / g.WindowWidth;
                        var column = x * g.StrideX - g.PaddingX + place % g.WindowWidth;
                        destination[(long)row * g.InWidth + column] += gradOutput[i];
                    }
                }
            }
        }
    }
}
