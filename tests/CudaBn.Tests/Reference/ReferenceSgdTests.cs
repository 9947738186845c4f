using NUnit.Framework;

namespace CudaBn.Tests.Reference;

/// <summary>Two steps each, worked out by hand: parameter 1, learning rate 0.5, gradients 2 and then 4.</summary>
[TestFixture]
public class ReferenceSgdTests
{
    // Plain: 1 - 0.5*2 = 0; 0 - 0.5*4 = -2.
    [TestCase(0, 0, false, 0, 0, -2)]
    // Weight decay 0.5: gradient 2.5, parameter -0.25; gradient 4 - 0.125 = 3.875, parameter -2.1875.
    [TestCase(0, 0, false, 0.5, -0.25, -2.1875)]
    // Momentum 0.5: buffer 2, parameter 0; buffer 1 + 4 = 5, parameter -2.5.
    [TestCase(0.5, 0, false, 0, 0, -2.5)]
    // Dampening 0.75 spares the first step: buffer 2, parameter 0; buffer 1 + 0.25*4 = 2, parameter -1.
    [TestCase(0.5, 0.75, false, 0, 0, -1)]
    // Nesterov: buffer 2, direction 2 + 1 = 3, parameter -0.5; buffer 5, direction 4 + 2.5 = 6.5, parameter -3.75.
    [TestCase(0.5, 0, true, 0, -0.5, -3.75)]
    // Nesterov with decay 1: gradient 3, buffer 3, direction 4.5, parameter -1.25; gradient 2.75,
    // buffer 1.5 + 2.75 = 4.25, direction 2.75 + 2.125 = 4.875, parameter -3.6875.
    [TestCase(0.5, 0, true, 1, -1.25, -3.6875)]
    public void Step_TwoStepsByHand(
        double momentum, double dampening, bool nesterov, double weightDecay, double afterOne, double afterTwo)
    {
        double[] parameter = [1];
        double[] buffer = [double.NaN];

        ReferenceSgd.Step(parameter, [2], buffer, true, 0.5, momentum, dampening, nesterov, weightDecay);
        Assert.That(parameter[0], Is.EqualTo(afterOne));

        ReferenceSgd.Step(parameter, [4], buffer, false, 0.5, momentum, dampening, nesterov, weightDecay);
        Assert.That(parameter[0], Is.EqualTo(afterTwo));
    }
}
