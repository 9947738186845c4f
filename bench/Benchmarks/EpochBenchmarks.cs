using BenchmarkDotNet.Attributes;

namespace CudaBn.Bench;

/// <summary>An epoch over as many images as Fashion-MNIST has.</summary>
[IterationCount(2)]
[WarmupCount(0)]
[InvocationCount(1)]
public class EpochBenchmarks : NetworkBenchmarks
{
    public override IEnumerable<NetworkShape> Shapes => [NetworkShape.Epoch];

    public override Work WorkOf(string benchmark) => Shape.Train;

    /// <inheritdoc/>
    /// <remarks>A few epochs alone take longer than a quick run may.</remarks>
    public override bool RunsOn(string benchmark, string device) => !Suite.IsQuick;

    [GlobalSetup]
    public void SetUp() => PrepareNetwork(nameof(Train), () =>
    {
        var model = InitializedModel();
        var sgd = Own(new Sgd(model.Parameters, learningRate: 0.05));
        var trainer = Own(new Trainer(model, Own(new SoftmaxCrossEntropy()), sgd));
        var images = RandomImages(shuffle: true);
        model.IsTraining = true;
        return new(
            () =>
            {
                foreach (var batch in images)
                    trainer.Step(batch);
            },
            () =>
            {
                var loss = trainer.Evaluate(images).Loss;
                // Ten classes by chance: the logarithm of ten.
                if (!(loss < 1.5 * Math.Log(10)))
                    throw new WrongResultException($"the loss is {loss:F3} after an epoch");
                model.IsTraining = true;
            });
    });

    [Benchmark]
    public void Train() => Run();
}
