using NUnit.Framework;

namespace CudaBn.Tests.Reference;

[TestFixture]
public class ReferenceVirtualBatchNormTests
{
    // With few values and a small eps the output is all but a sign.
    private const double Eps = 0.1;

    [Test]
    public void Forward_ByHand()
    {
        // Groups {0, 2}, {10, 30} and {7, 7}: deviations 1, 10 and 0.
        var y = ReferenceVirtualBatchNorm.Forward([0, 2, 10, 30, 7, 7], [2], [5], 6, 1, 1, 0, 2)[..4];

        Assert.That(y, Is.EqualTo(new double[] { 3, 7, 3, 7 }));
    }

    [Test]
    public void Parts_LastIsWhatIsLeft() => Assert.That(
        ReferenceVirtualBatchNorm.Parts(7, 3), Is.EqualTo(new[] { (0, 3), (3, 3), (6, 1) }));

    [TestCase(5, 2, 2, 2)]
    [TestCase(6, 3, 1, 3)]
    [TestCase(4, 1, 3, 1)]
    [TestCase(3, 2, 2, 8)]
    public void Backward_AgainstFiniteDifferences(int n, int c, int s, int size)
    {
        var x = RandomVector.Normal(1, n * c * s);
        double[] gamma = RandomVector.Normal(2, c), beta = RandomVector.Normal(3, c);
        var gradOutput = RandomVector.Normal(4, x.Length);
        double[] Forward() => ReferenceVirtualBatchNorm.Forward(x, gamma, beta, n, c, s, Eps, size);

        var (gradInput, gradGamma, gradBeta) =
            ReferenceVirtualBatchNorm.Backward(gradOutput, x, gamma, n, c, s, Eps, size);

        GradientAssert.Matches("input", gradInput, _ => Forward(), x, gradOutput);
        GradientAssert.Matches("gamma", gradGamma, _ => Forward(), gamma, gradOutput);
        GradientAssert.Matches("beta", gradBeta, _ => Forward(), beta, gradOutput);
    }
}
