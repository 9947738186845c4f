using BenchmarkDotNet.Attributes;
using CudaBn.Backends.OpArgs;

namespace CudaBn.Bench;

public class SoftmaxCrossEntropyBenchmarks : OperatorBenchmarks<ClassificationShape>
{
    public override IEnumerable<ClassificationShape> Shapes => ClassificationShape.All;

    public override Work WorkOf(string benchmark) => benchmark == nameof(Backward) ? Shape.Backward : Shape.Forward;

    [GlobalSetup(Target = nameof(Forward))]
    public void SetUpForward() => Prepare(nameof(Forward), () =>
    {
        Tensor logits = Normal([Shape.Batch, Shape.Classes]), probabilities = Empty(logits.Shape);
        Tensor labels = Labels(), loss = Empty([1]);
        return new(
            () => Backend.SoftmaxCrossEntropyForward(new SoftmaxCrossEntropyForwardArgs(
                Shape.Batch, Shape.Classes, logits, labels, 1.0 / Shape.Batch, LabelSmoothing: 0, probabilities, loss,
                Totals: null)),
            () => SoftmaxCrossEntropyCheck.Forward(Shape.Batch, Shape.Classes, logits, labels, probabilities, loss));
    });

    [Benchmark]
    public void Forward() => Run();

    [GlobalSetup(Target = nameof(Backward))]
    public void SetUpBackward() => Prepare(nameof(Backward), () =>
    {
        Tensor logits = Normal([Shape.Batch, Shape.Classes]), probabilities = Empty(logits.Shape);
        Tensor labels = Labels(), loss = Empty([1]), gradLogits = Empty(logits.Shape);
        Backend.SoftmaxCrossEntropyForward(new SoftmaxCrossEntropyForwardArgs(
            Shape.Batch, Shape.Classes, logits, labels, 1.0 / Shape.Batch, LabelSmoothing: 0, probabilities, loss,
            Totals: null));
        return new(
            () => Backend.SoftmaxCrossEntropyBackward(new SoftmaxCrossEntropyBackwardArgs(
                Shape.Batch, Shape.Classes, probabilities, labels, 1.0 / Shape.Batch, LabelSmoothing: 0, gradLogits)),
            () => SoftmaxCrossEntropyCheck.Backward(Shape.Batch, Shape.Classes, probabilities, labels, gradLogits));
    });

    [Benchmark]
    public void Backward() => Run();

    private Tensor Labels()
    {
        var random = new Random(1);
        var labels = Empty([Shape.Batch], DType.Int32);
        labels.CopyFrom<int>(Enumerable.Range(0, Shape.Batch).Select(_ => random.Next(Shape.Classes)).ToArray());
        return labels;
    }
}
