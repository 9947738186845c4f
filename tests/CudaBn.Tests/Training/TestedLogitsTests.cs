using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.Training;

/// <summary>What a trainer tells of the batches it tests on, also of those that are replayed.</summary>
[TestFixtureSource(typeof(TestBackends), nameof(TestBackends.InFloat32))]
public class TestedLogitsTests(TestBackend backend, DType dtype) : BackendFixture(backend, dtype)
{
    [Test]
    public void Fit_TellsTheLogitsOfEveryEvaluation()
    {
        var garments = DrawnGarments.Create(40, 21);
        using var model = new Sequential(new Flatten(), new Linear(784, 10));
        model.Initialize(Device, seed: 1);
        using var train = new DataLoader(garments.Train, 8, Device, shuffle: true);
        // Two full batches and one of five images.
        using var test = new DataLoader(garments.Test, 8, Device);
        using var loss = new SoftmaxCrossEntropy();
        using var sgd = new Sgd(model.Parameters, learningRate: 0.05);
        using var trainer = new Trainer(model, loss, sgd);
        var told = new List<(int First, float[] Logits)>();
        trainer.Tested = (first, logits) => told.Add((first, logits.ToArray<float>()));

        foreach (var epoch in trainer.Fit(train, test, epochs: 4))
        {
            Assert.That(told.Select(batch => batch.First), Is.EqualTo(new[] { 0, 8, 16 }));
            var logits = told.SelectMany(batch => batch.Logits).ToArray();
            Assert.That(logits, Has.Length.EqualTo(21 * 10));
            var (right, sum) = (0, 0.0);
            for (var image = 0; image < 21; image++)
            {
                var row = logits.AsSpan(10 * image, 10).ToArray();
                int label = garments.Test.Labels.Span[image];
                right += Array.IndexOf(row, row.Max()) == label ? 1 : 0;
                sum += Math.Log(row.Sum(logit => Math.Exp(logit))) - row[label];
            }

            Assert.That(epoch.TestAccuracy, Is.EqualTo(right / 21.0).Within(1e-12), $"epoch {epoch.Epoch}");
            Assert.That(epoch.TestLoss, Is.EqualTo(sum / 21).Within(1e-4).Percent, $"epoch {epoch.Epoch}");
            told.Clear();
            trainer.Evaluate(test);
            Assert.That(told, Is.Empty, "an evaluation by itself is no test of an epoch");
        }
    }
}
