using NUnit.Framework;

namespace CudaBn.Tests.Reference;

[TestFixture]
public class ReferenceBatchNormAddReLUTests
{
    [Test]
    public void Forward_ByHand_NaNStays() => Assert.Multiple(() =>
    {
        Assert.That(
            ReferenceBatchNormAddReLU.Forward([-1, 2, 3, double.NaN], [1, -3, 1, 0], rectifies: true),
            Is.EqualTo(new[] { 0, 0, 4, double.NaN }));
        Assert.That(
            ReferenceBatchNormAddReLU.Forward([-1, 2, 3, 1], [1, -3, 1, double.NaN], rectifies: false),
            Is.EqualTo(new[] { 0, -1, 4, double.NaN }));
        Assert.That(ReferenceBatchNormAddReLU.Forward([-1, 2], null, rectifies: true), Is.EqualTo(new[] { 0.0, 2 }));
    });

    [Test]
    public void Backward_AgainstFiniteDifferences([Values] bool adds, [Values] bool rectifies)
    {
        const int n = 3, c = 2, s = 4;
        const double epsilon = 1e-5;
        var x = RandomVector.Spaced(1, n * c * s);
        var addend = adds ? RandomVector.Normal(2, x.Length) : null;
        double[] gamma = [0.7, -1.3], beta = [0.2, 0.4];
        var gradOutput = RandomVector.Normal(3, x.Length);

        var (_, mean, _, invStd) = ReferenceBatchNorm.ForwardTraining(x, gamma, beta, n, c, s, epsilon);
        var gradNormalized = ReferenceBatchNormAddReLU.Backward(gradOutput, Forward(x), rectifies);
        var (gradInput, gradGamma, gradBeta) =
            ReferenceBatchNorm.BackwardTraining(gradNormalized, x, gamma, mean, invStd, n, c, s);

        Assert.Multiple(() =>
        {
            GradientAssert.Matches("input", gradInput, Forward, x, gradOutput);
            GradientAssert.Matches("gamma", gradGamma, _ => Forward(x), gamma, gradOutput);
            GradientAssert.Matches("beta", gradBeta, _ => Forward(x), beta, gradOutput);
            if (addend is not null)
                GradientAssert.Matches("addend", gradNormalized, _ => Forward(x), addend, gradOutput);
        });

        double[] Forward(double[] at) => ReferenceBatchNormAddReLU.Forward(
            ReferenceBatchNorm.ForwardTraining(at, gamma, beta, n, c, s, epsilon).Y, addend, rectifies);
    }
}
