using CudaBn.Backends.OpArgs;

namespace CudaBn.Backends.Cpu;

public sealed partial class CpuBackend
{
    /// <inheritdoc/>
    public override void AdaptiveAvgPoolForward(in AdaptiveAvgPoolForwardArgs args)
    {
        lock (_gate)
            For(args.Input.DType).AdaptiveAvgPoolForward(in args);
    }

    /// <inheritdoc/>
    public override void AdaptiveAvgPoolBackward(in AdaptiveAvgPoolBackwardArgs args)
    {
        lock (_gate)
            For(args.GradOutput.DType).AdaptiveAvgPoolBackward(in args);
    }
}

internal abstract partial class CpuOperators
{
    public abstract void AdaptiveAvgPoolForward(in AdaptiveAvgPoolForwardArgs args);

    public abstract void AdaptiveAvgPoolBackward(in AdaptiveAvgPoolBackwardArgs args);
}

internal sealed unsafe partial class CpuOperators<TSimd, TVector, T>
{
    public override void AdaptiveAvgPoolForward(in AdaptiveAvgPoolForwardArgs args)
    {
        var g = args.Geometry;
        if (g is { OutDepth: 1, OutHeight: 1, OutWidth: 1 })
            PlaneMeans(g.Planes, g.InPlaces, g.InPlaces, Data(args.Input), Data(args.Output));
        else
            Average(Windows(g), Data(args.Input), Data(args.Output));
    }

    public override void AdaptiveAvgPoolBackward(in AdaptiveAvgPoolBackwardArgs args)
    {
        var g = args.Geometry;
        if (g is { OutDepth: 1, OutHeight: 1, OutWidth: 1 })
            SpreadMeans(g.Planes, g.InPlaces, g.InPlaces, Data(args.GradOutput), Data(args.GradInput));
        else
            SpreadAverage(Windows(g), Data(args.GradOutput), Data(args.GradInput));
    }

    private AverageWindows Windows(AdaptiveAvgPoolGeometry g)
    {
        var memory = AverageMemory(
            g.InDepth, g.InHeight, g.InWidth, g.OutDepth, g.OutHeight, g.OutWidth, out var forRows, out var forSlices);
        return new AverageWindows(
            g.Planes, AverageAxis.Adaptive(g.InDepth, g.OutDepth, forSlices),
            AverageAxis.Adaptive(g.InHeight, g.OutHeight, forRows), AverageAxis.Adaptive(g.InWidth, g.OutWidth, memory),
            windowWidth: 0, strideX: 0, paddingX: 0, _shared);
    }
}
