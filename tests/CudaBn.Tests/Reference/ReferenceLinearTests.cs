using NUnit.Framework;

namespace CudaBn.Tests.Reference;

[TestFixture]
public class ReferenceLinearTests
{
    [Test]
    public void Forward_ByHand()
    {
        var y = ReferenceLinear.Forward([1, 2, 3, 4, 5, 6], [1, 0, -1, 2, 10, 100], [0.5, 7], 2, 3, 2);

        Assert.That(y, Is.EqualTo(new double[] { -1.5, 329, -1.5, 665 }));
    }

    [TestCase(1, 1, 1)]
    [TestCase(4, 3, 5)]
    [TestCase(7, 10, 2)]
    public void Backward_AgainstFiniteDifferences(int n, int inputs, int outputs)
    {
        var x = RandomVector.Normal(1, n * inputs);
        var weight = RandomVector.Normal(2, outputs * inputs);
        var bias = RandomVector.Normal(3, outputs);
        var gradOutput = RandomVector.Normal(4, n * outputs);
        double[] Forward() => ReferenceLinear.Forward(x, weight, bias, n, inputs, outputs);

        var (gradInput, gradWeight, gradBias) =
            ReferenceLinear.Backward(gradOutput, x, weight, n, inputs, outputs);

        GradientAssert.Matches("input", gradInput, _ => Forward(), x, gradOutput);
        GradientAssert.Matches("weight", gradWeight, _ => Forward(), weight, gradOutput);
        GradientAssert.Matches("bias", gradBias, _ => Forward(), bias, gradOutput);
    }
}
