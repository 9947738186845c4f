using CudaBn.Tests.Reference;
using CudaBn.Tests.Support;
using FsCheck;
using FsCheck.Fluent;
using NUnit.Framework;

namespace CudaBn.Tests.Layers;

[Parallelizable(ParallelScope.Self)]
[TestFixtureSource(typeof(TestBackends), nameof(TestBackends.InEveryType))]
public class BatchNormTests(TestBackend backend, DType dtype) : BackendFixture(backend, dtype)
{
    private const double Epsilon = 1e-5;

    private static IEnumerable<Shape> Shapes() =>
    [
        [2, 1], [2, 3], [5, 3], [33, 20], [257, 3],
        [1, 3, 2], [4, 3, 3], [3, 20, 15], [2, 3, 16], [5, 1, 17], [3, 3, 576],
        [2, 3, 1, 2], [3, 20, 4, 4], [6, 3, 5, 7], [7, 20, 24, 24], [2, 3, 2, 3, 5], [1, 1, 2, 1, 1],
        // As many values per channel as 128, 256 and 512 threads of a GPU hold in registers, and more.
        [113, 2, 9], [114, 2, 9], [455, 2, 9], [456, 2, 9], [16, 2, 32, 32], [17, 2, 32, 32],
        // More than 16,384 values per channel, in runs that cross that border and in runs of one.
        [3, 2, 10000], [1, 2, 16384], [1, 2, 16385], [2, 1, 128, 128], [40000, 2], [5500, 2, 3],
    ];

    private static IEnumerable<TestCaseData> Affine() =>
        Shapes().SelectMany(shape => (TestCaseData[])[new(shape, true), new(shape, false)]);

    [TestCaseSource(nameof(Affine))]
    public void Training_ForwardAndBackward_AreWithinRounding(Shape shape, bool affine) =>
        CheckTraining(Rounded(RandomVector.Normal(1, (int)shape.ElementCount)), shape, affine);

    [FsCheck.NUnit.Property(MaxTest = 60)]
    public Property Training_RandomShapes_AreWithinRounding() => Prop.ForAll(RandomShapes, sizes =>
    {
        Shape shape = new(sizes);
        CheckTraining(Rounded(RandomVector.Normal(2, (int)shape.ElementCount)), shape, affine: true);
    });

    [Test]
    public void BackwardParameters_GivesTheGradientsOfBackward([Values] bool frozen)
    {
        Shape shape = [3, 5, 4, 6];
        var layer = OnDevice(new BatchNorm(5) { FreezeStatistics = frozen });
        layer.Forward(TensorOf(Rounded(RandomVector.Normal(1, (int)shape.ElementCount)), shape));
        var gradOutput = TensorOf(Rounded(RandomVector.Normal(2, (int)shape.ElementCount)), shape);
        layer.Backward(gradOutput);
        var (gradGamma, gradBeta) = (Read(layer.Gamma!.Gradient), Read(layer.Beta!.Gradient));
        layer.Backward(Poison(shape));

        layer.BackwardParameters(gradOutput);

        ErrorBound.AssertExact("gamma gradient", Read(layer.Gamma.Gradient), gradGamma);
        ErrorBound.AssertExact("beta gradient", Read(layer.Beta.Gradient), gradBeta);
    }

    [Test]
    public void Running_SeveralBatches_FollowTheReference(
        [Values(0.0, 0.1, 1.0, null)] double? momentum, [Values] bool unbiased, [Values(1, 3, 40)] int spatial)
    {
        const int channels = 3;
        var layer = OnDevice(new BatchNorm(channels, momentum: momentum, unbiasedRunningVariance: unbiased));
        double[] mean = new double[channels], variance = [1, 1, 1];
        double[] meanBound = new double[channels], varianceBound = new double[channels];

        for (var batch = 1; batch <= 5; batch++)
        {
            Shape shape = [2 + batch, channels, spatial];
            var x = Rounded(Array.ConvertAll(
                RandomVector.Normal(batch, (int)shape.ElementCount), value => 3 * batch + 2 * value));
            var c = new BatchNormCase(x, null, null, shape, Epsilon, UnitRoundoff);
            ReferenceBatchNorm.UpdateRunning(
                mean, variance, c.Mean, c.Variance, c.ValuesPerChannel, momentum, batch, unbiased);
            // Each update adds its own roundings to the part of the old error that it keeps.
            var weight = momentum ?? 1.0 / batch;
            for (var k = 0; k < channels; k++)
            {
                meanBound[k] = (1 - weight) * meanBound[k] + weight * c.MeanBound[k]
                    + 8 * UnitRoundoff * Math.Abs(mean[k]);
                varianceBound[k] = (1 - weight) * varianceBound[k]
                    + weight * c.VarianceBound[k] * (unbiased ? c.ValuesPerChannel / (c.ValuesPerChannel - 1.0) : 1)
                    + 8 * UnitRoundoff * variance[k];
            }

            layer.Forward(TensorOf(x, shape));

            ErrorBound.AssertWithin($"mean {batch}", Read(layer.RunningMean!), mean, meanBound);
            ErrorBound.AssertWithin($"variance {batch}", Read(layer.RunningVariance!), variance, varianceBound);
            Assert.That(layer.BatchesTracked!.ToArray<long>(), Is.EqualTo(new long[] { batch }));
        }
    }

    [Test]
    public void Running_IsUnbiasedByDefault_WhileNormalizationIsBiased()
    {
        var layer = OnDevice(new BatchNorm(1, epsilon: 1e-70, momentum: 1));

        var y = Read(layer.Forward(TensorOf([1, 3], [2, 1])));

        ErrorBound.AssertEqual("running variance", Read(layer.RunningVariance!), [2]);
        ErrorBound.AssertEqual("output", y, [-1, 1]);
    }

    [Test]
    public void Evaluation_UsesTheRunningStatistics([Values(1, 4)] int batch, [Values] bool affine)
    {
        const int channels = 3;
        var layer = OnDevice(new BatchNorm(channels, affine: affine));
        var (gamma, beta) = SetAffine(layer);
        Shape trained = [4, channels, 5, 2];
        for (var step = 0; step < 3; step++)
            layer.Forward(TensorOf(RandomVector.Normal(step, (int)trained.ElementCount), trained));
        var (mean, variance) = (Read(layer.RunningMean!), Read(layer.RunningVariance!));
        layer.IsTraining = false;

        Shape shape = [batch, channels, 5, 2];
        CheckFrozen(layer, shape, gamma, beta, mean, variance);

        AssertStatisticsUnchanged(layer, mean, variance, batches: 3);
    }

    [TestCase(1, 3)]
    [TestCase(1, 3, 1)]
    [TestCase(1, 3, 1, 1)]
    [TestCase(1, 3, 7)]
    public void Evaluation_OneImage_Works(params int[] sizes)
    {
        var layer = OnDevice(new BatchNorm(3));
        layer.IsTraining = false;
        var (gamma, beta) = SetAffine(layer);
        var (mean, variance) = SetRunning(layer);

        CheckFrozen(layer, new Shape(sizes), gamma, beta, mean, variance);
    }

    [TestCaseSource(nameof(Affine))]
    public void FreezeStatistics_TrainsWithTheRunningStatistics(Shape shape, bool affine)
    {
        var layer = OnDevice(new BatchNorm(shape[1], affine: affine) { FreezeStatistics = true });
        var (gamma, beta) = SetAffine(layer);
        var (mean, variance) = SetRunning(layer);

        CheckFrozen(layer, shape, gamma, beta, mean, variance);

        AssertStatisticsUnchanged(layer, mean, variance, batches: 0);
    }

    [Test]
    public void Backward_AfterEvaluationOfAnotherBatch_NeedsItsOwnForward()
    {
        Shape shape = [4, 3, 5];
        var x = Rounded(RandomVector.Normal(1, (int)shape.ElementCount));
        var gradOutput = Rounded(RandomVector.Normal(2, (int)shape.ElementCount));
        var layer = OnDevice(new BatchNorm(3));
        layer.IsTraining = false;
        layer.Forward(Poison(shape));
        layer.IsTraining = true;
        layer.Forward(TensorOf(x, shape));

        var gradInput = Read(layer.Backward(TensorOf(gradOutput, shape)));

        var c = new BatchNormCase(x, [1, 1, 1], [0, 0, 0], shape, Epsilon, UnitRoundoff);
        ErrorBound.AssertWithin(
            "input gradient", gradInput, c.Backward(gradOutput).GradInput, c.BackwardBounds(gradOutput).GradInput);
    }

    [TestCase(1, 3)]
    [TestCase(1, 3, 1)]
    [TestCase(1, 3, 1, 1)]
    public void Training_OneValuePerChannel_Throws(params int[] sizes)
    {
        var layer = OnDevice(new BatchNorm(3));
        var x = TensorOf([1, 2, 3], new Shape(sizes));

        Assert.Multiple(() =>
        {
            Assert.That(() => layer.Forward(x),
                Throws.ArgumentException.With.Message.Contains(new Shape(sizes).ToString()));
            Assert.That(() => BatchNorm.Normalize(x),
                Throws.ArgumentException.With.Message.Contains(new Shape(sizes).ToString()));
        });
        AssertStatisticsUnchanged(layer, [0, 0, 0], [1, 1, 1], batches: 0);
    }

    [Test]
    public void Normalize_Matrix_GivesTheNotebooksTable()
    {
        using var y = BatchNorm.Normalize(TensorOf([0, 1, 2, 3, 4, 5], [3, 2]));

        ErrorBound.AssertWithin(
            "output", Read(y), [-1.2247427, -1.2247427, 0, 0, 1.2247427, 1.2247427], Bound(6, 1e-6));
    }

    [Test]
    public void Normalize_Image_GivesTheNotebooksTable()
    {
        double[] channel =
        [
            -1.5491922, -1.1618942, -0.7745961, -0.38729805, 0, 0.38729805, 0.7745961, 1.1618942, 1.5491922,
        ];

        using var y = BatchNorm.Normalize(
            TensorOf([.. Enumerable.Range(0, 18).Select(i => (double)i)], [1, 2, 3, 3]));

        ErrorBound.AssertWithin("output", Read(y), [.. channel, .. channel], Bound(18, 1e-6));
    }

    [Test]
    public void Normalize_WithOrWithoutGammaAndBeta([Values] bool hasGamma, [Values] bool hasBeta)
    {
        Shape shape = [5, 3, 7];
        var x = Rounded(RandomVector.Normal(1, (int)shape.ElementCount));
        var gamma = hasGamma ? Rounded(RandomVector.Normal(2, 3)) : null;
        var beta = hasBeta ? Rounded(RandomVector.Normal(3, 3)) : null;
        const double epsilon = 0.25;

        using var y = BatchNorm.Normalize(
            TensorOf(x, shape), gamma is null ? null : TensorOf(gamma, [3]), beta is null ? null : TensorOf(beta, [3]),
            epsilon);

        var expected = new BatchNormCase(x, gamma, beta, shape, epsilon, UnitRoundoff);
        ErrorBound.AssertWithin("output", Read(y), expected.Output, expected.OutputBound);
    }

    private static Arbitrary<int[]> RandomShapes => Arb.From(
        from batch in Gen.Choose(1, 20)
        from channels in Gen.Choose(1, 15)
        from rows in Gen.Choose(1, 5)
        from columns in Gen.Choose(1, 70)
        where batch * rows * columns > 1
        select new[] { batch, channels, rows, columns });

    private static double[] Bound(int length, double value) => Array.ConvertAll(new double[length], _ => value);

    private void CheckTraining(double[] x, Shape shape, bool affine)
    {
        try
        {
            var layer = OnDevice(new BatchNorm(shape[1], affine: affine));
            layer.Forward(Poison(shape));
            layer.Backward(Poison(shape));
            var (gamma, beta) = SetAffine(layer);
            var gradOutput = Rounded(RandomVector.Normal(3, x.Length));
            var c = new BatchNormCase(x, gamma, beta, shape, Epsilon, UnitRoundoff);

            ErrorBound.AssertWithin(
                "output", Read(layer.Forward(TensorOf(x, shape))), c.Output, c.OutputBound);

            var actual = Read(layer.Backward(TensorOf(gradOutput, shape)));
            AssertGradients(layer, actual, c.Backward(gradOutput), c.BackwardBounds(gradOutput));
        }
        finally
        {
            DisposeOwned();
        }
    }

    private void CheckFrozen(
        BatchNorm layer, Shape shape, double[]? gamma, double[]? beta, double[] mean, double[] variance)
    {
        var (n, c) = (shape[0], shape[1]);
        var s = (int)shape.ElementCount / n / c;
        var x = Rounded(RandomVector.Normal(11, (int)shape.ElementCount));
        var gradOutput = Rounded(RandomVector.Normal(12, x.Length));
        layer.Forward(Poison(shape));
        layer.Backward(Poison(shape));

        var y = Read(layer.Forward(TensorOf(x, shape)));
        var gradInput = Read(layer.Backward(TensorOf(gradOutput, shape)));

        var magnitudes = ReferenceBatchNorm.ForwardEvaluation(
            x, gamma, null, mean, variance, n, c, s, Epsilon).Absolute();
        for (var i = 0; i < x.Length; i++)
            magnitudes[i] += Math.Abs(beta?[i / s % c] ?? 0);
        ErrorBound.AssertWithin(
            "output", y, ReferenceBatchNorm.ForwardEvaluation(x, gamma, beta, mean, variance, n, c, s, Epsilon),
            ErrorBound.OfSums(UnitRoundoff, x.Ones(), magnitudes));

        // |dgamma| is at most the sum of |dy||xhat|: with x moved to mean + |x - mean| and |dy| it is that sum.
        var invStd = ReferenceBatchNorm.InvStd(variance, Epsilon);
        var folded = new double[x.Length];
        for (var i = 0; i < x.Length; i++)
            folded[i] = mean[i / s % c] + Math.Abs(x[i] - mean[i / s % c]);
        var expected = ReferenceBatchNorm.BackwardFrozen(gradOutput, x, gamma, mean, invStd, n, c, s);
        var (_, gammaMagnitude, betaMagnitude) = ReferenceBatchNorm.BackwardFrozen(
            gradOutput.Absolute(), folded, gamma, mean, invStd, n, c, s);
        var terms = Bound(c, n * s);
        AssertGradients(layer, gradInput, expected, (
            ErrorBound.OfSums(UnitRoundoff, x.Ones(), expected.GradInput.Absolute()),
            ErrorBound.OfSums(UnitRoundoff, terms, gammaMagnitude),
            ErrorBound.OfSums(UnitRoundoff, terms, betaMagnitude)));
    }

    private static void AssertGradients(
        BatchNorm layer, double[] gradInput, (double[] GradInput, double[] GradGamma, double[] GradBeta) expected,
        (double[] GradInput, double[] GradGamma, double[] GradBeta) bounds) =>
        Assert.Multiple(() =>
        {
            ErrorBound.AssertWithin("input gradient", gradInput, expected.GradInput, bounds.GradInput);
            Assert.That(layer.Gamma is null, Is.EqualTo(!layer.IsAffine));
            if (layer is { Gamma: { } gamma, Beta: { } beta })
            {
                ErrorBound.AssertWithin(
                    "gamma gradient", Read(gamma.Gradient), expected.GradGamma, bounds.GradGamma);
                ErrorBound.AssertWithin("beta gradient", Read(beta.Gradient), expected.GradBeta, bounds.GradBeta);
            }
        });

    private static void AssertStatisticsUnchanged(BatchNorm layer, double[] mean, double[] variance, long batches)
    {
        ErrorBound.AssertExact("running mean", Read(layer.RunningMean!), mean);
        ErrorBound.AssertExact("running variance", Read(layer.RunningVariance!), variance);
        Assert.That(layer.BatchesTracked!.ToArray<long>(), Is.EqualTo(new[] { batches }));
    }

    private (double[]? Gamma, double[]? Beta) SetAffine(BatchNorm layer)
    {
        if (!layer.IsAffine)
            return (null, null);
        var gamma = Rounded(RandomVector.Normal(21, layer.Channels));
        var beta = Rounded(RandomVector.Normal(22, layer.Channels));
        Write(gamma, layer.Gamma!.Value);
        Write(beta, layer.Beta!.Value);
        return (gamma, beta);
    }

    private (double[] Mean, double[] Variance) SetRunning(BatchNorm layer)
    {
        var mean = Rounded(RandomVector.Normal(23, layer.Channels));
        var variance = Rounded(Array.ConvertAll(RandomVector.Normal(24, layer.Channels), v => 0.1 + v * v));
        Write(mean, layer.RunningMean!);
        Write(variance, layer.RunningVariance!);
        return (mean, variance);
    }
}
