using BenchmarkDotNet.Attributes;
using CudaBn.Backends.OpArgs;

namespace CudaBn.Bench;

public class BatchNormReLUMaxPoolBenchmarks : OperatorBenchmarks<BatchNormReLUMaxPoolShape>
{
    private const double Epsilon = 1e-5;

    public override IEnumerable<BatchNormReLUMaxPoolShape> Shapes => BatchNormReLUMaxPoolShape.All;

    private Shape OutputShape => [Shape.Batch, Shape.Channels, Shape.MaxPool.OutSize, Shape.MaxPool.OutSize];

    public override Work WorkOf(string benchmark) => benchmark == nameof(Backward) ? Shape.Backward : Shape.Forward;

    [GlobalSetup(Target = nameof(Forward))]
    public void SetUpForward() => Prepare(nameof(Forward), () =>
    {
        var forward = ForwardArguments();
        return new(
            () => Backend.BatchNormReLUMaxPoolForward(in forward),
            () => BatchNormReLUMaxPoolCheck.Forward(
                forward.Geometry, forward.Pool, forward.Input, forward.Gamma!, forward.Beta!, forward.Output, forward.Mean,
                forward.InvStd, forward.ArgMax));
    });

    [Benchmark]
    public void Forward() => Run();

    [GlobalSetup(Target = nameof(Backward))]
    public void SetUpBackward() => Prepare(nameof(Backward), () =>
    {
        var forward = ForwardArguments();
        Backend.BatchNormReLUMaxPoolForward(in forward);
        Tensor gradOutput = Normal(OutputShape), gradInput = Empty(Shape.BatchNorm.TensorShape);
        Tensor gradGamma = Empty([Shape.Channels]), gradBeta = Empty([Shape.Channels]);
        return new(
            () => Backend.BatchNormReLUMaxPoolBackward(new BatchNormReLUMaxPoolBackwardArgs(
                forward.Geometry, forward.Pool, forward.Input, forward.Gamma, forward.Beta, forward.Mean, forward.InvStd,
                forward.ArgMax, forward.Winners, gradOutput, gradInput, gradGamma, gradBeta)),
            () => BatchNormReLUMaxPoolCheck.Backward(
                forward.Geometry, forward.Pool, forward.Input, forward.Gamma!, forward.Mean, forward.InvStd, forward.ArgMax,
                gradOutput, gradInput, gradGamma, gradBeta));
    });

    [Benchmark]
    public void Backward() => Run();

    private BatchNormReLUMaxPoolForwardArgs ForwardArguments() => new(
        Shape.BatchNorm.Geometry, Shape.MaxPool.Geometry, Normal(Shape.BatchNorm.TensorShape), Normal([Shape.Channels]),
        Normal([Shape.Channels]), Epsilon, Running: null, Empty(OutputShape), Empty([Shape.Channels], DType.Float64),
        Empty([Shape.Channels], DType.Float64), Empty(OutputShape, DType.UInt8), Empty(OutputShape));
}
