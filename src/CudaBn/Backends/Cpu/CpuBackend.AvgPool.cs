using CudaBn.Backends.OpArgs;

namespace CudaBn.Backends.Cpu;

public sealed partial class CpuBackend
{
    /// <inheritdoc/>
    public override void AvgPoolForward(in AvgPoolForwardArgs args)
    {
        lock (_gate)
            For(args.Input.DType).AvgPoolForward(in args);
    }

    /// <inheritdoc/>
    public override void AvgPoolBackward(in AvgPoolBackwardArgs args)
    {
        lock (_gate)
            For(args.GradOutput.DType).AvgPoolBackward(in args);
    }
}

internal abstract partial class CpuOperators
{
    public abstract void AvgPoolForward(in AvgPoolForwardArgs args);

    public abstract void AvgPoolBackward(in AvgPoolBackwardArgs args);
}

internal sealed unsafe partial class CpuOperators<TSimd, TVector, T>
{
    public override void AvgPoolForward(in AvgPoolForwardArgs args)
    {
        var g = args.Geometry.SlicesAsPlanes;
        T* input = Data(args.Input), output = Data(args.Output);
        if (IsGlobal(g))
            PlaneMeans(g.Planes, g.InPlaces, DivisorOfInside(g, args.Divisor), input, output);
        else if (IsPairs(g))
            AveragePairs(g, DivisorOfInside(g, args.Divisor), input, output);
        else
            Average(Windows(g, args.Divisor), input, output);
    }

    public override void AvgPoolBackward(in AvgPoolBackwardArgs args)
    {
        var g = args.Geometry.SlicesAsPlanes;
        T* gradOutput = Data(args.GradOutput), gradInput = Data(args.GradInput);
        if (IsGlobal(g))
            SpreadMeans(g.Planes, g.InPlaces, DivisorOfInside(g, args.Divisor), gradOutput, gradInput);
        else if (IsPairs(g))
            SpreadAverageOfPairs(g, DivisorOfInside(g, args.Divisor), gradOutput, gradInput);
        else
            SpreadAverage(Windows(g, args.Divisor), gradOutput, gradInput);
    }

    /// <summary>Whether the only window of a plane is the plane.</summary>
    private static bool IsGlobal(PoolGeometry g) =>
        g is { OutDepth: 1, OutHeight: 1, OutWidth: 1, PaddingZ: 0, PaddingY: 0, PaddingX: 0 }
        && g.WindowDepth == g.InDepth && g.WindowHeight == g.InHeight && g.WindowWidth == g.InWidth;

    /// <summary>What the sums of windows that lie inside of a plane are divided by.</summary>
    private static long DivisorOfInside(PoolGeometry g, AvgPoolDivisor divisor) =>
        divisor.Override > 0 ? divisor.Override : g.WindowPlaces;

    private AverageWindows Windows(PoolGeometry g, AvgPoolDivisor divisor)
    {
        var memory = AverageMemory(
            g.InDepth, g.InHeight, g.InWidth, g.OutDepth, g.OutHeight, g.OutWidth, out var forRows, out var forSlices);
        // Places multiply over the axes: one of them stands for a given divisor.
        var one = divisor.Override > 0 ? 1 : 0;
        var counts = divisor.CountsPadding;
        return new AverageWindows(
            g.Planes,
            AverageAxis.Fixed(
                g.InDepth, g.OutDepth, g.WindowDepth, g.StrideZ, g.PaddingZ, counts, one, forSlices),
            AverageAxis.Fixed(
                g.InHeight, g.OutHeight, g.WindowHeight, g.StrideY, g.PaddingY, counts, one, forRows),
            AverageAxis.Fixed(
                g.InWidth, g.OutWidth, g.WindowWidth, g.StrideX, g.PaddingX, counts, divisor.Override, memory),
            g.WindowWidth, g.StrideX, g.PaddingX, _shared);
    }

    /// <summary>Room for the tables of the columns, and behind them for those of the rows and of the slices.</summary>
    private byte* AverageMemory(
        int inDepth, int inHeight, int inWidth, int outDepth, int outHeight, int outWidth, out byte* rows,
        out byte* slices)
    {
        long forColumns = AverageAxis.Bytes(inWidth, outWidth), forRows = AverageAxis.Bytes(inHeight, outHeight);
        var memory = _constants.Get<byte>(forColumns + forRows + AverageAxis.Bytes(inDepth, outDepth));
        rows = memory + forColumns;
        slices = rows + forRows;
        return memory;
    }
}
