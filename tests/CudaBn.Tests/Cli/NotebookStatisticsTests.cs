using CudaBn.Cli;
using NUnit.Framework;

namespace CudaBn.Tests.Cli;

public class NotebookStatisticsTests
{
    [TestCase(0, 1f)]
    [TestCase(1, 0.9f)]
    [TestCase(2, 0.81f)]
    [TestCase(100_000, 0f)]
    public void Variance_LosesATenthPerBatch(long batches, float expected) =>
        Assert.That(NotebookStatistics.Variance(0.1, batches), Is.EqualTo(expected).Within(1).Ulps);

    [Test]
    public void Evaluate_SetsTheBrokenStatisticsAndRestoresTheRightOnes()
    {
        using var model = new Sequential(new BatchNorm(3), new ReLU(), new BatchNorm(3));
        model.Initialize(Device.Cpu);
        using var x = Tensor.From([1f, 2, 3, 4, 5, 7, 0, -1, 2], [3, 3]);
        for (var batch = 0; batch < 4; batch++)
            model.Forward(x);
        var layers = model.Layers.OfType<BatchNorm>().ToArray();
        var before = layers.Select(Statistics).ToArray();

        var seen = new List<float[]>();
        var result = new NotebookStatistics(model).Evaluate(() =>
        {
            seen.AddRange(layers.Select(Statistics));
            return new Evaluation(1, 2);
        });

        Assert.That(result, Is.EqualTo(new Evaluation(1, 2)));
        var variance = (float)Math.Pow(0.9, 4);
        Assert.That(seen, Is.All.EqualTo(new[] { 0, 0, 0, variance, variance, variance }));
        Assert.That(layers.Select(Statistics), Is.EqualTo(before));
    }

    [Test]
    public void Evaluate_Fails_RestoresTheRightOnes()
    {
        using var model = new Sequential(new BatchNorm(1));
        model.Initialize(Device.Cpu);
        using var x = Tensor.From([1f, 2], [2, 1]);
        model.Forward(x);
        var layer = (BatchNorm)model.Layers[0];
        var before = Statistics(layer);

        Assert.That(
            () => new NotebookStatistics(model).Evaluate(() => throw new OperationCanceledException()),
            Throws.InstanceOf<OperationCanceledException>());
        Assert.That(Statistics(layer), Is.EqualTo(before));
    }

    private static float[] Statistics(BatchNorm layer) =>
        [.. layer.RunningMean!.ToArray<float>(), .. layer.RunningVariance!.ToArray<float>()];
}
