using CudaBn.Tests.Core;
using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.Layers;

/// <summary>The conventions of other libraries on a batch that anyone can compute: 1 and 5, of mean 3, biased variance 4 and
/// unbiased variance 8.</summary>
[Parallelizable(ParallelScope.Self)]
[TestFixtureSource(typeof(TestBackends), nameof(TestBackends.InEveryType))]
public class BatchNormConventionTests(TestBackend backend, DType dtype) : BackendFixture(backend, dtype)
{
    // After one batch: 0.9 * 0 + 0.1 * 3; 0.9 * 1 + 0.1 * 8 or 4. After another of 11 and 15, of mean 13 and the same
    // variances: 0.9 * 0.3 + 0.1 * 13; 0.9 * 1.7 + 0.1 * 8, or 0.9 * 1.3 + 0.1 * 4. Outputs: 2 / sqrt(4 + epsilon).
    private static IEnumerable<TestCaseData> Conventions() =>
    [
        Case("PyTorch", BatchNormConvention.PyTorch, 0.3, 1.7, 1.57, 2.33, 0.99999875000234),
        Case("ONNX", BatchNormConvention.Onnx, 0.3, 1.3, 1.57, 1.57, 0.99999875000234),
        Case("MXNet", BatchNormConvention.Mxnet, 0.3, 1.3, 1.57, 1.57, 0.99987502343262),
        Case("Gluon", BatchNormConvention.Gluon, 0.3, 1.3, 1.57, 1.57, 0.99999875000234),
        Case("notebook", BatchNormConvention.Notebook, 0.3, 1.3, 1.57, 1.57, 0.99999875000234),
        // 0.25 * 0 + 0.75 * 3 and 0.25 * 1 + 0.75 * 4; then 0.25 * 2.25 + 0.75 * 13 and 0.25 * 3.25 + 0.75 * 4.
        Case(
            "ONNX, momentum 0.25 of the old", BatchNormConvention.Onnx with { Momentum = 0.25 }, 2.25, 3.25, 10.3125, 3.8125,
            0.99999875000234),
        // The first batch alone, then the mean of the two.
        Case(
            "PyTorch, cumulative", BatchNormConvention.PyTorch with { Momentum = null }, 3, 8, 8, 8, 0.99999875000234),
    ];

    [TestCaseSource(nameof(Conventions))]
    public void TwoBatches_GiveTheNumbersOfTheLibrary(
        BatchNormConvention convention, double mean, double variance, double meanAfter, double varianceAfter, double output)
    {
        var layer = OnDevice(BatchNorm.Create(1, convention));

        var y = Read(layer.Forward(TensorOf([1, 5], [2, 1])));

        Assert.Multiple(() =>
        {
            AssertNear("output", y, [-output, output]);
            AssertNear("running mean", Read(layer.RunningMean!), [mean]);
            AssertNear("running variance", Read(layer.RunningVariance!), [variance]);
        });
        layer.Forward(TensorOf([11, 15], [2, 1]));
        Assert.Multiple(() =>
        {
            AssertNear("running mean after", Read(layer.RunningMean!), [meanAfter]);
            AssertNear("running variance after", Read(layer.RunningVariance!), [varianceAfter]);
        });
    }

    [Test]
    public void FixedGamma_CountsAsOne_AndGetsNoGradient_WhileBetaLearns([Values] BatchNormMode mode)
    {
        var tracks = mode is not (BatchNormMode.TrainingWithoutStatistics or BatchNormMode.EvaluationWithoutStatistics);
        var layer = OnDevice(BatchNorm.Create(1, BatchNormConvention.Mxnet, trackRunningStatistics: tracks));
        layer.IsTraining = mode is not (BatchNormMode.Evaluation or BatchNormMode.EvaluationWithoutStatistics);
        layer.FreezeStatistics = mode == BatchNormMode.Frozen;
        Assert.That(Read(layer.Gamma!.Value), Is.EqualTo(new double[] { 1 }));
        // A file of another training may hold another value.
        Write([7], layer.Gamma.Value);
        Write([10], layer.Beta!.Value);

        var y = Read(layer.Forward(TensorOf([1, 5], [2, 1])));
        var gradInput = Read(layer.Backward(TensorOf([3, 1], [2, 1])));

        // Running statistics of 0 and 1: 1 / sqrt(1.001) = 0.99950037; those of the batch as above.
        var given = mode is BatchNormMode.Evaluation or BatchNormMode.Frozen;
        AssertNear("output", y, given
            ? [10 + 0.99950037468777, 10 + 5 * 0.99950037468777]
            : [10 - 0.99987502343262, 10 + 0.99987502343262]);
        Assert.That(Read(layer.Gamma.Gradient), Is.EqualTo(new double[] { 0 }));
        Assert.That(Read(layer.Beta.Gradient), Is.EqualTo(new double[] { 4 }));
        if (given)
            AssertNear("input gradient", gradInput, [3 * 0.99950037468777, 0.99950037468777]);
    }

    [Test]
    public void FixedGamma_StaysFixed_WhenTheLayerIsUnfrozen()
    {
        var layer = OnDevice(BatchNorm.Create(2, BatchNormConvention.Mxnet));
        layer.Freeze();
        layer.Unfreeze();
        Assert.That((layer.Gamma!.RequiresGradient, layer.Beta!.RequiresGradient), Is.EqualTo((false, true)));
    }

    [Test]
    public void Create_PassesOnWhatItIsGiven()
    {
        using var layer = BatchNorm.Create(
            3, BatchNormConvention.Onnx with { Epsilon = 0.5 }, affine: false, channelsLast: true,
            trackRunningStatistics: false, virtualBatchSize: 8);
        Assert.That(
            (layer.Channels, layer.Epsilon, layer.IsAffine, layer.ChannelsLast, layer.TracksRunningStatistics,
                layer.VirtualBatchSize, layer.UnbiasedRunningVariance),
            Is.EqualTo((3, 0.5, false, true, false, (int?)8, false)));
        Assert.That(layer.Momentum, Is.EqualTo(0.1).Within(1e-15));
        using var unaffine = BatchNorm.Create(3, BatchNormConvention.Mxnet, affine: false);
        Assert.That((unaffine.IsAffine, unaffine.FixesGamma, unaffine.Epsilon), Is.EqualTo((false, false, 1e-3)));
        Assert.That(() => BatchNorm.Create(3, null!), Throws.ArgumentNullException);
    }

    [TestCase(-0.1)]
    [TestCase(1.5)]
    [TestCase(double.NaN)]
    public void Convention_MomentumOutsideItsRange_NamesIt(double momentum) => ErrorAssert.Throws<ArgumentException>(
        () => _ = BatchNormConvention.Onnx with { Momentum = momentum }, "BatchNormConvention", $"momentum {momentum} ");

    [TestCase(0)]
    [TestCase(double.PositiveInfinity)]
    [TestCase(double.NaN)]
    public void Convention_EpsilonOutsideItsRange_NamesIt(double epsilon) => ErrorAssert.Throws<ArgumentException>(
        () => _ = BatchNormConvention.PyTorch with { Epsilon = epsilon }, "BatchNormConvention", $"epsilon {epsilon} ");

    private static TestCaseData Case(
        string name, BatchNormConvention convention, double mean, double variance, double meanAfter, double varianceAfter,
        double output) =>
        new TestCaseData(convention, mean, variance, meanAfter, varianceAfter, output).SetArgDisplayNames(name);

    // The numbers above have 14 digits.
    private void AssertNear(string name, double[] actual, double[] expected) => ErrorBound.AssertWithin(
        name, actual, expected,
        Array.ConvertAll(expected, value => Math.Max(8 * UnitRoundoff, 1e-14) * Math.Max(1, Math.Abs(value))));
}
