using CudaBn.Backends.OpArgs;

namespace CudaBn.Bench;

public class GlobalAvgPoolBenchmarks : AvgPoolBenchmarks
{
    public override IEnumerable<AvgPool2dShape> Shapes =>
        Suite.Choose(AvgPool2dShape.GlobalQuick, AvgPool2dShape.GlobalUsual, AvgPool2dShape.GlobalAll);

    private long PlaneSize => (long)Shape.Size * Shape.Size;

    protected override void Pool(Tensor input, Tensor output) =>
        Backend.GlobalAvgPoolForward(new GlobalAvgPoolForwardArgs(Shape.Planes, PlaneSize, input, output));

    protected override void PoolBackward(Tensor gradOutput, Tensor gradInput) =>
        Backend.GlobalAvgPoolBackward(new GlobalAvgPoolBackwardArgs(Shape.Planes, PlaneSize, gradOutput, gradInput));

    protected override Layer Layer() => new GlobalAvgPool();
}
