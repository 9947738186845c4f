using NUnit.Framework;

namespace CudaBn.Tests.Reference;

[TestFixture]
public class ReferenceBatchNormTests
{
    private const double Eps = 1e-5;

    [Test]
    public void ForwardTraining_PrintedTableOfTwoColumns()
    {
        double[] x = [0, 1, 2, 3, 4, 5];

        var (y, mean, variance, _) = ReferenceBatchNorm.ForwardTraining(x, [1, 1], [0, 0], 3, 2, 1, Eps);

        Assert.That(y, Is.EqualTo(new[] { -1.2247427, -1.2247427, 0, 0, 1.2247427, 1.2247427 }).Within(1e-6));
        Assert.That(mean, Is.EqualTo(new double[] { 2, 3 }));
        Assert.That(variance, Is.EqualTo(new[] { 8.0 / 3, 8.0 / 3 }).Within(1e-15));
    }

    [Test]
    public void ForwardTraining_PrintedTableOfTwoImages()
    {
        var x = new double[18];
        for (var i = 0; i < x.Length; i++)
            x[i] = i;
        double[] channel =
            [-1.5491922, -1.1618942, -0.7745961, -0.38729805, 0, 0.38729805, 0.7745961, 1.1618942, 1.5491922];

        var (y, _, _, _) = ReferenceBatchNorm.ForwardTraining(x, [1, 1], [0, 0], 1, 2, 9, Eps);

        Assert.That(y, Is.EqualTo(new[] { channel, channel }.SelectMany(v => v)).Within(1e-6));
    }

    [Test]
    public void ForwardTraining_MeanFarAboveDeviation_KeepsItsDigits()
    {
        var noise = RandomVector.Normal(7, 64);
        var shifted = Array.ConvertAll(noise, value => value + 1e8);

        var (near, _, _, _) = ReferenceBatchNorm.ForwardTraining(noise, null, null, 16, 1, 4, Eps);
        var (far, _, _, _) = ReferenceBatchNorm.ForwardTraining(shifted, null, null, 16, 1, 4, Eps);

        // 1e8 + noise is rounded to 1.5e-8.
        Assert.That(Comparison.RelativeError(far, near), Is.LessThan(1e-7));
    }

    [Test]
    public void ForwardTraining_ConstantInput_IsExactlyBeta()
    {
        var (y, _, _, _) = ReferenceBatchNorm.ForwardTraining([0.1, 0.1, 0.1, 0.1], [3], [0.7], 2, 1, 2, Eps);

        Assert.That(y, Is.All.EqualTo(0.7));
    }

    [Test]
    public void ForwardTraining_OneValuePerChannel_Throws() =>
        Assert.That(() => ReferenceBatchNorm.ForwardTraining([1, 2], null, null, 1, 2, 1, Eps),
            Throws.ArgumentException.With.Message.Contains("found 1"));

    [TestCase(true, 0.9 + 0.1 * 5.0 / 3)]
    [TestCase(false, 0.9 + 0.1 * 1.25)]
    public void UpdateRunning_MomentumIsTheWeightOfTheNewBatch(bool unbiased, double expectedVariance)
    {
        double[] runningMean = [0];
        double[] runningVariance = [1];
        var (_, mean, variance, _) = ReferenceBatchNorm.ForwardTraining([1, 2, 3, 4], null, null, 4, 1, 1, Eps);

        ReferenceBatchNorm.UpdateRunning(runningMean, runningVariance, mean, variance, 4, 0.1, 1, unbiased);

        Assert.That(runningMean[0], Is.EqualTo(0.25).Within(1e-15));
        Assert.That(runningVariance[0], Is.EqualTo(expectedVariance).Within(1e-15));
    }

    [Test]
    public void UpdateRunning_NullMomentum_AveragesAllBatches()
    {
        double[] runningMean = [123];
        double[] runningVariance = [456];
        double[] means = [1, 4, -2, 9];
        double[] variances = [2, 1, 5, 4];

        for (var t = 0; t < means.Length; t++)
            ReferenceBatchNorm.UpdateRunning(
                runningMean, runningVariance, [means[t]], [variances[t]], 10, null, t + 1, unbiased: false);

        Assert.That(runningMean[0], Is.EqualTo(3).Within(1e-13));
        Assert.That(runningVariance[0], Is.EqualTo(3).Within(1e-13));
    }

    [Test]
    public void ForwardEvaluation_ByHand()
    {
        var y = ReferenceBatchNorm.ForwardEvaluation([1, 2, 30, 40], [2, 10], [5, -1], [0, 20], [3, 99], 1, 2, 2, 1);

        Assert.That(y, Is.EqualTo(new double[] { 6, 7, 9, 19 }));
    }

    [TestCase(3, 2, 1, true)]
    [TestCase(2, 3, 6, true)]
    [TestCase(1, 4, 5, true)]
    [TestCase(5, 1, 7, false)]
    [TestCase(2, 1, 1, true)]
    public void BackwardTraining_AgainstFiniteDifferences(int n, int c, int s, bool affine)
    {
        var x = Shifted(RandomVector.Normal(1, n * c * s));
        var gamma = affine ? RandomVector.Normal(2, c) : null;
        var beta = affine ? RandomVector.Normal(3, c) : null;
        var gradOutput = RandomVector.Normal(4, n * c * s);
        // With two values per channel and a small eps the output is all but the sign of their difference.
        const double eps = 0.1;
        double[] Forward() => ReferenceBatchNorm.ForwardTraining(x, gamma, beta, n, c, s, eps).Y;
        var (_, mean, _, invStd) = ReferenceBatchNorm.ForwardTraining(x, gamma, beta, n, c, s, eps);

        var (gradInput, gradGamma, gradBeta) =
            ReferenceBatchNorm.BackwardTraining(gradOutput, x, gamma, mean, invStd, n, c, s);

        GradientAssert.Matches("input", gradInput, _ => Forward(), x, gradOutput);
        if (gamma is not null && beta is not null)
        {
            GradientAssert.Matches("gamma", gradGamma, _ => Forward(), gamma, gradOutput);
            GradientAssert.Matches("beta", gradBeta, _ => Forward(), beta, gradOutput);
        }
    }

    [TestCase(3, 2, 1, true)]
    [TestCase(2, 3, 6, true)]
    [TestCase(1, 1, 1, true)]
    [TestCase(5, 1, 7, false)]
    public void BackwardFrozen_AgainstFiniteDifferences(int n, int c, int s, bool affine)
    {
        var x = Shifted(RandomVector.Normal(1, n * c * s));
        var gamma = affine ? RandomVector.Normal(2, c) : null;
        var beta = affine ? RandomVector.Normal(3, c) : null;
        var gradOutput = RandomVector.Normal(4, n * c * s);
        var mean = RandomVector.Normal(5, c);
        var variance = Array.ConvertAll(RandomVector.Normal(6, c), value => value * value);
        double[] Forward() => ReferenceBatchNorm.ForwardEvaluation(x, gamma, beta, mean, variance, n, c, s, Eps);

        var (gradInput, gradGamma, gradBeta) = ReferenceBatchNorm.BackwardFrozen(
            gradOutput, x, gamma, mean, ReferenceBatchNorm.InvStd(variance, Eps), n, c, s);

        GradientAssert.Matches("input", gradInput, _ => Forward(), x, gradOutput);
        if (gamma is not null && beta is not null)
        {
            GradientAssert.Matches("gamma", gradGamma, _ => Forward(), gamma, gradOutput);
            GradientAssert.Matches("beta", gradBeta, _ => Forward(), beta, gradOutput);
        }
    }

    private static double[] Shifted(double[] values) => Array.ConvertAll(values, value => 2 * value + 3);
}
