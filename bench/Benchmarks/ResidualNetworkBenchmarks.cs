using BenchmarkDotNet.Attributes;
using CudaBn.Backends.OpArgs;

namespace CudaBn.Bench;

/// <summary>A training step of ResNet-20, and what its convolutions alone take, one after the other: the difference is what
/// batch normalization, ReLU, additions, the loss and the update cost.</summary>
public class ResidualNetworkBenchmarks : OperatorBenchmarks<ResidualNetworkShape>
{
    private const int CheckedSteps = 12;

    public override IEnumerable<ResidualNetworkShape> Shapes => [ResidualNetworkShape.Step];

    /// <inheritdoc/>
    /// <remarks>A step has the work of its convolutions, as is the custom: so the rows differ by time alone.</remarks>
    public override Work WorkOf(string benchmark) => Shape.ConvolutionsWork;

    /// <inheritdoc/>
    /// <remarks>The seed network's step stands for training where time is short.</remarks>
    public override bool RunsOn(string benchmark, string device) => !Suite.IsQuick;

    [GlobalSetup(Target = nameof(Step))]
    public void SetUpStep() => PrepareNetwork(nameof(Step), () =>
    {
        var model = Own(ResNet20.Create(inChannels: 1, ResidualNetworkShape.Classes));
        model.Initialize(Device, seed: 1);
        var loss = Own(new SoftmaxCrossEntropy());
        var sgd = Own(new Sgd(model.Parameters, learningRate: 0.05, momentum: 0.9));
        var trainer = Own(new Trainer(model, loss, sgd));
        var labels = Enumerable.Range(0, Shape.Batch).Select(i => i * 7 % ResidualNetworkShape.Classes).ToArray();
        var batch = new Batch(Normal([Shape.Batch, 1, 28, 28]), Own(Tensor.From(labels, [Shape.Batch], Device)));
        return new(() => trainer.Step(batch), () =>
        {
            // Random labels can be learned by heart only. A step that computes something else does not get there.
            loss.ResetTotals();
            trainer.Step(batch);
            var before = loss.ReadTotals().Loss;
            for (var i = 0; i < CheckedSteps; i++)
                trainer.Step(batch);
            loss.ResetTotals();
            trainer.Step(batch);
            var after = loss.ReadTotals().Loss;
            if (!(after < 0.8 * before))
                throw new WrongResultException(
                    $"the loss went from {before / Shape.Batch:F3} to {after / Shape.Batch:F3} in {CheckedSteps} steps");
        });
    });

    [Benchmark]
    public void Step() => Run();

    [GlobalSetup(Target = nameof(Convolutions))]
    public void SetUpConvolutions() => Prepare(nameof(Convolutions), () =>
    {
        var convolutions = Shape.Convolutions.Select(shape => new Convolution(
            shape.Geometry,
            Normal([shape.Batch, shape.InChannels, shape.Size, shape.Size]),
            Normal([shape.OutChannels, shape.InChannels, shape.Kernel, shape.Kernel]),
            Empty([shape.Batch, shape.OutChannels, shape.OutSize, shape.OutSize]),
            Normal([shape.Batch, shape.OutChannels, shape.OutSize, shape.OutSize]),
            Empty([shape.Batch, shape.InChannels, shape.Size, shape.Size]),
            Empty([shape.OutChannels, shape.InChannels, shape.Kernel, shape.Kernel]))).ToArray();
        return new(
            () =>
            {
                foreach (var c in convolutions)
                    Backend.ConvForward(new ConvForwardArgs(c.Geometry, c.Input, c.Weight, Bias: null, c.Output));
                for (var i = convolutions.Length - 1; i >= 0; i--)
                {
                    var c = convolutions[i];
                    Backend.ConvBackward(new ConvBackwardArgs(
                        c.Geometry, c.Input, c.Weight, c.GradOutput, i == 0 ? null : c.GradInput, c.GradWeight, GradBias: null));
                }
            },
            () =>
            {
                foreach (var c in convolutions)
                {
                    Conv2dCheck.Forward(c.Geometry, c.Input, c.Weight, c.Output);
                    Conv2dCheck.WeightGradient(c.Geometry, c.Input, c.GradOutput, c.GradWeight);
                    if (c != convolutions[0])
                        Conv2dCheck.InputGradient(c.Geometry, c.Weight, c.GradOutput, c.GradInput);
                }
            });
    });

    [Benchmark]
    public void Convolutions() => Run();

    private sealed record Convolution(
        ConvGeometry Geometry, Tensor Input, Tensor Weight, Tensor Output, Tensor GradOutput, Tensor GradInput,
        Tensor GradWeight);
}
