using BenchmarkDotNet.Attributes;

namespace CudaBn.Bench;

/// <summary>A training step as <see cref="Trainer"/> takes it: the batch is made, loss and gradients are computed, the
/// parameters updated.</summary>
public class TrainingBenchmarks : NetworkBenchmarks
{
    private const int CheckedSteps = 40;

    public override IEnumerable<NetworkShape> Shapes => [NetworkShape.Step];

    public override Work WorkOf(string benchmark) => Shape.Train;

    [GlobalSetup]
    public void SetUp() => PrepareNetwork(nameof(Step), () =>
    {
        var model = InitializedModel();
        var loss = Own(new SoftmaxCrossEntropy());
        var sgd = Own(new Sgd(model.Parameters, learningRate: 0.05));
        var trainer = Own(new Trainer(model, loss, sgd));
        var images = RandomImages(shuffle: true);
        model.IsTraining = true;
        void Train()
        {
            foreach (var batch in images)
                trainer.Step(batch);
        }

        return new(Train, () =>
        {
            // Random labels can be learned by heart only. A step that computes something else does not get there.
            var before = trainer.Evaluate(images).Loss;
            for (var i = 0; i < CheckedSteps; i++)
                Train();
            model.IsTraining = false;
            var after = trainer.Evaluate(images).Loss;
            model.IsTraining = true;
            if (!(after < 0.8 * before))
                throw new WrongResultException($"the loss went from {before:F3} to {after:F3} in {CheckedSteps} steps");
        });
    });

    [Benchmark]
    public void Step() => Run();
}
