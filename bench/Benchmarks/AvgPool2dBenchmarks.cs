using CudaBn.Backends.OpArgs;

namespace CudaBn.Bench;

public class AvgPool2dBenchmarks : AvgPoolBenchmarks
{
    private static readonly AvgPoolDivisor _divisor = new(CountsPadding: true);

    public override IEnumerable<AvgPool2dShape> Shapes =>
        Suite.Choose(AvgPool2dShape.Quick, AvgPool2dShape.Usual, AvgPool2dShape.All);

    protected override void Pool(Tensor input, Tensor output) =>
        Backend.AvgPoolForward(new AvgPoolForwardArgs(Shape.Geometry, _divisor, input, output));

    protected override void PoolBackward(Tensor gradOutput, Tensor gradInput) =>
        Backend.AvgPoolBackward(new AvgPoolBackwardArgs(Shape.Geometry, _divisor, gradOutput, gradInput));

    protected override Layer Layer() => new AvgPool2d(Shape.Window, Shape.Stride, Shape.Padding);
}
