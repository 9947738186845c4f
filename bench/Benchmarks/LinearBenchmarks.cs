using BenchmarkDotNet.Attributes;
using CudaBn.Backends.OpArgs;

namespace CudaBn.Bench;

public partial class LinearBenchmarks : OperatorBenchmarks<LinearShape>
{
    public override IEnumerable<LinearShape> Shapes => Suite.IsQuick ? LinearShape.Quick : LinearShape.All;

    public override Work WorkOf(string benchmark) => benchmark == nameof(Backward) ? Shape.Backward : Shape.Forward;

    [GlobalSetup(Target = nameof(Forward))]
    public void SetUpForward() => Prepare(nameof(Forward), () =>
    {
        Tensor input = Normal([Shape.Batch, Shape.InFeatures]), weight = Normal([Shape.OutFeatures, Shape.InFeatures]);
        Tensor bias = Normal([Shape.OutFeatures]), output = Empty([Shape.Batch, Shape.OutFeatures]);
        return new(
            () => Backend.LinearForward(new LinearForwardArgs(Shape.Geometry, input, weight, bias, output)),
            () => LinearCheck.Forward(Shape.Geometry, input, weight, bias, output));
    });

    [Benchmark]
    public void Forward() => Run();

    [GlobalSetup(Target = nameof(Backward))]
    public void SetUpBackward() => Prepare(nameof(Backward), () =>
    {
        Tensor input = Normal([Shape.Batch, Shape.InFeatures]), weight = Normal([Shape.OutFeatures, Shape.InFeatures]);
        Tensor gradOutput = Normal([Shape.Batch, Shape.OutFeatures]), gradInput = Empty(input.Shape);
        Tensor gradWeight = Empty(weight.Shape), gradBias = Empty([Shape.OutFeatures]);
        return new(
            () => Backend.LinearBackward(new LinearBackwardArgs(
                Shape.Geometry, input, weight, gradOutput, gradInput, gradWeight, gradBias)),
            () => LinearCheck.Backward(
                Shape.Geometry, input, weight, gradOutput, gradInput, gradWeight, gradBias));
    });

    [Benchmark]
    public void Backward() => Run();
}
