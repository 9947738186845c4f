using BenchmarkDotNet.Attributes;
using CudaBn.Backends.OpArgs;

namespace CudaBn.Bench;

/// <summary>Batch norm and what stands behind it, an addition or none and ReLU, in one operator.</summary>
public abstract class BatchNormTailBenchmarks : OperatorBenchmarks<BatchNormTailShape>
{
    private const double Epsilon = 1e-5;

    public override Work WorkOf(string benchmark) => benchmark == nameof(Backward) ? Shape.Backward : Shape.Forward;

    /// <inheritdoc/>
    /// <remarks>The check of backward needs forward's output, whether the operator reads it or not.</remarks>
    public override long BytesNeeded(string benchmark) =>
        WorkOf(benchmark).Bytes + sizeof(float) * Shape.BatchNorm.Elements;

    [GlobalSetup(Target = nameof(Forward))]
    public void SetUpForward() => Prepare(nameof(Forward), () =>
    {
        var forward = ForwardArguments();
        var norm = forward.Normalization;
        return new(
            () => Backend.BatchNormAddReLUForward(in forward),
            () => BatchNormCheck.Forward(
                norm.Geometry, norm.Input, norm.Gamma!, norm.Beta!, Epsilon, norm.Output, norm.Mean, norm.InvStd,
                forward.Addend, rectifies: true));
    });

    [Benchmark]
    public void Forward() => Run();

    [GlobalSetup(Target = nameof(Backward))]
    public void SetUpBackward() => Prepare(nameof(Backward), () =>
    {
        var forward = ForwardArguments();
        var norm = forward.Normalization;
        Backend.BatchNormAddReLUForward(in forward);
        Tensor gradOutput = Normal(norm.Input.Shape), gradInput = Empty(norm.Input.Shape);
        Tensor gradGamma = Empty([Shape.Channels]), gradBeta = Empty([Shape.Channels]);
        // What was added has been read: its gradient takes its place.
        var gradAddend = forward.Addend;
        var backward = new BatchNormAddReLUBackwardArgs(
            new(norm.Geometry, norm.Input, norm.Gamma, norm.Mean, norm.InvStd, gradOutput, gradInput, gradGamma, gradBeta),
            norm.Beta, gradAddend is null ? null : new RectifiedSum(norm.Output, gradAddend));
        return new(
            () => Backend.BatchNormAddReLUBackward(in backward),
            () =>
            {
                BatchNormCheck.Backward(
                    norm.Geometry, norm.Input, norm.Gamma!, norm.Mean, norm.InvStd, gradOutput, gradInput, gradGamma,
                    gradBeta, norm.Output);
                if (gradAddend is not null)
                    ReLUCheck.Backward(norm.Output, gradOutput, gradAddend);
            });
    });

    [Benchmark]
    public void Backward() => Run();

    private BatchNormAddReLUForwardArgs ForwardArguments()
    {
        var shape = Shape.BatchNorm.TensorShape;
        var norm = new BatchNormForwardArgs(
            Shape.BatchNorm.Geometry, Normal(shape), Normal([Shape.Channels]), Normal([Shape.Channels]), Epsilon,
            Running: null, Empty(shape), Empty([Shape.Channels], DType.Float64), Empty([Shape.Channels], DType.Float64));
        return new(norm, Shape.Adds ? Normal(shape) : null, Rectifies: true);
    }
}
