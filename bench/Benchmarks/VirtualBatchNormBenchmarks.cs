using BenchmarkDotNet.Attributes;

namespace CudaBn.Bench;

/// <summary>Batch normalization by virtual batches, as the layer does it; the rows of <see cref="BatchNormBenchmarks"/> show
/// what the same images take in one batch.</summary>
public class VirtualBatchNormBenchmarks : OperatorBenchmarks<VirtualBatchNormShape>
{
    public override IEnumerable<VirtualBatchNormShape> Shapes =>
        Suite.Choose(VirtualBatchNormShape.Usual, VirtualBatchNormShape.Usual, VirtualBatchNormShape.All);

    public override Work WorkOf(string benchmark) =>
        benchmark == nameof(Backward) ? Shape.Whole.Backward : Shape.Whole.Forward;

    /// <inheritdoc/>
    /// <remarks>The layer's output, which backward does not read, is there, too.</remarks>
    public override long BytesNeeded(string benchmark) => Shape.Whole.Backward.Bytes + sizeof(float) * Shape.Whole.Elements;

    [GlobalSetup(Target = nameof(Forward))]
    public void SetUpForward() => Prepare(nameof(Forward), () =>
    {
        var layer = TrainingLayer();
        var input = Normal(Shape.Whole.TensorShape);
        Tensor? output = null;
        return new(
            () => output = layer.Forward(input),
            () => VirtualBatchNormCheck.Forward(
                Shape.Part.Geometry, input, layer.Gamma!.Value, layer.Beta!.Value, layer.Epsilon, output!));
    });

    [Benchmark]
    public void Forward() => Run();

    [GlobalSetup(Target = nameof(Backward))]
    public void SetUpBackward() => Prepare(nameof(Backward), () =>
    {
        var layer = TrainingLayer();
        Tensor input = Normal(Shape.Whole.TensorShape), gradOutput = Normal(Shape.Whole.TensorShape);
        layer.Forward(input);
        Tensor? gradInput = null;
        return new(
            () => gradInput = layer.Backward(gradOutput),
            () => VirtualBatchNormCheck.Backward(
                Shape.Part.Geometry, input, layer.Gamma!.Value, layer.Epsilon, gradOutput, gradInput!, layer.Gamma.Gradient,
                layer.Beta!.Gradient));
    });

    [Benchmark]
    public void Backward() => Run();

    private BatchNorm TrainingLayer()
    {
        var normal = Initializer.Normal(0, 1);
        var layer = Own(new BatchNorm(
            Shape.Channels, gammaInitializer: normal, betaInitializer: normal, virtualBatchSize: Shape.Size));
        layer.Initialize(Device, seed: 1);
        layer.IsTraining = true;
        return layer;
    }
}
