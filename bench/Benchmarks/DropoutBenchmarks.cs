using BenchmarkDotNet.Attributes;
using CudaBn.Backends.OpArgs;

namespace CudaBn.Bench;

public class DropoutBenchmarks : OperatorBenchmarks<ElementwiseShape>
{
    private const double Probability = 0.5;

    // The seed network's second output.
    private static readonly ElementwiseShape[] _usual = [ElementwiseShape.All[1]];

    public override IEnumerable<ElementwiseShape> Shapes => Suite.Choose(_usual, _usual, ElementwiseShape.All);

    public override Work WorkOf(string benchmark) => Shape.Dropout;

    [GlobalSetup(Target = nameof(Forward))]
    public void SetUpForward() => Prepare(nameof(Forward), () =>
    {
        Tensor input = Normal(Shape.TensorShape), output = Empty(Shape.TensorShape);
        var mask = Mask();
        return new(
            () => Backend.DropoutForward(new DropoutForwardArgs(mask, input, output)),
            () => DropoutCheck.Masked(mask, input, output));
    });

    [Benchmark]
    public void Forward() => Run();

    [GlobalSetup(Target = nameof(Backward))]
    public void SetUpBackward() => Prepare(nameof(Backward), () =>
    {
        Tensor gradOutput = Normal(Shape.TensorShape), gradInput = Empty(Shape.TensorShape);
        var mask = Mask();
        return new(
            () => Backend.DropoutBackward(new DropoutBackwardArgs(mask, gradOutput, gradInput)),
            () => DropoutCheck.Masked(mask, gradOutput, gradInput));
    });

    [Benchmark]
    public void Backward() => Run();

    private DropoutMask Mask() => new(Probability, Seed: 1, Stream: 2, Zeros([1], DType.Int64));
}
