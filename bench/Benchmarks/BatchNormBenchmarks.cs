using BenchmarkDotNet.Attributes;
using CudaBn.Backends.OpArgs;

namespace CudaBn.Bench;

public partial class BatchNormBenchmarks : OperatorBenchmarks<BatchNormShape>
{
    private const double Epsilon = 1e-5;

    public override IEnumerable<BatchNormShape> Shapes =>
        Suite.Choose(BatchNormShape.Quick, BatchNormShape.Usual, BatchNormShape.All);

    public override Work WorkOf(string benchmark) => benchmark switch
    {
        nameof(Forward) => Shape.Forward,
        nameof(Backward) => Shape.Backward,
        _ => Shape.Evaluate,
    };

    [GlobalSetup(Target = nameof(Forward))]
    public void SetUpForward() => Prepare(nameof(Forward), () =>
    {
        Tensor input = Normal(Shape.TensorShape), output = Empty(Shape.TensorShape);
        Tensor gamma = Normal([Shape.Channels]), beta = Normal([Shape.Channels]);
        var (mean, invStd) = (Empty([Shape.Channels], DType.Float64), Empty([Shape.Channels], DType.Float64));
        var running = new RunningStatistics(
            Zeros([Shape.Channels]), Full([Shape.Channels], 1), Zeros([1], DType.Int64), Momentum: 0.1, Unbiased: true);
        return new(
            () => Backend.BatchNormForward(new BatchNormForwardArgs(
                Shape.Geometry, input, gamma, beta, Epsilon, running, output, mean, invStd)),
            () => BatchNormCheck.Forward(Shape.Geometry, input, gamma, beta, Epsilon, output, mean, invStd));
    });

    [Benchmark]
    public void Forward() => Run();

    [GlobalSetup(Target = nameof(Backward))]
    public void SetUpBackward() => Prepare(nameof(Backward), () =>
    {
        Tensor input = Normal(Shape.TensorShape), gradOutput = Normal(Shape.TensorShape);
        Tensor gamma = Normal([Shape.Channels]), gradInput = Empty(Shape.TensorShape);
        Tensor gradGamma = Empty([Shape.Channels]), gradBeta = Empty([Shape.Channels]);
        var (mean, invStd) = (Empty([Shape.Channels], DType.Float64), Empty([Shape.Channels], DType.Float64));
        // The statistics come from a forward pass, whose output nobody reads.
        Backend.BatchNormForward(new BatchNormForwardArgs(
            Shape.Geometry, input, gamma, Beta: null, Epsilon, Running: null, gradInput, mean, invStd));
        return new(
            () => Backend.BatchNormBackward(new BatchNormBackwardArgs(
                Shape.Geometry, input, gamma, mean, invStd, gradOutput, gradInput, gradGamma, gradBeta)),
            () => BatchNormCheck.Backward(
                Shape.Geometry, input, gamma, mean, invStd, gradOutput, gradInput, gradGamma, gradBeta));
    });

    [Benchmark]
    public void Backward() => Run();

    [GlobalSetup(Target = nameof(Evaluate))]
    public void SetUpEvaluate() => Prepare(nameof(Evaluate), () =>
    {
        Tensor input = Normal(Shape.TensorShape), output = Empty(Shape.TensorShape);
        Tensor gamma = Normal([Shape.Channels]), beta = Normal([Shape.Channels]), mean = Normal([Shape.Channels]);
        var variance = Full([Shape.Channels], 0.75);
        return new(
            () => Backend.BatchNormFrozenForward(new BatchNormFrozenForwardArgs(
                Shape.Geometry, input, gamma, beta, mean, variance, Epsilon, output)),
            () => BatchNormCheck.Evaluate(Shape.Geometry, input, gamma, beta, mean, variance, Epsilon, output));
    });

    [Benchmark]
    public void Evaluate() => Run();

    [GlobalSetup(Target = nameof(OnnxRuntime))]
    public void SetUpOnnxRuntime() => Prepare(nameof(OnnxRuntime), () =>
    {
        Tensor input = Normal(Shape.TensorShape), output = Empty(Shape.TensorShape);
        Tensor gamma = Normal([Shape.Channels]), beta = Normal([Shape.Channels]), mean = Normal([Shape.Channels]);
        var variance = Full([Shape.Channels], 0.75);
        var session = Own(new OnnxRuntimeSession(
            OnnxModel.BatchNorm(Shape, gamma, beta, mean, variance, Epsilon), input, output));
        return new(
            session.Run,
            () => BatchNormCheck.Evaluate(Shape.Geometry, input, gamma, beta, mean, variance, Epsilon, output));
    });

    [Benchmark]
    [Peer(OnnxRuntimeSession.PeerName, of: nameof(Evaluate))]
    public void OnnxRuntime() => Run();
}
