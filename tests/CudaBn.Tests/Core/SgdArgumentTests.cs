using NUnit.Framework;

namespace CudaBn.Tests.Core;

[TestFixtureSource(typeof(Devices), nameof(Devices.All))]
public class SgdArgumentTests(Device device)
{
    private Linear _layer = null!;

    [SetUp]
    public void Initialize()
    {
        _layer = new Linear(2, 2);
        _layer.Initialize(device);
    }

    [TearDown]
    public void Release() => _layer.Dispose();

    [TestCase(double.NaN)]
    [TestCase(-0.1)]
    [TestCase(double.PositiveInfinity)]
    [TestCase(double.NegativeInfinity)]
    public void Constant_OutsideItsRange_IsNamed(double value)
    {
        ErrorAssert.Throws<ArgumentException>(
            () => _ = new Sgd(_layer.Parameters, value), "Sgd", $"learning rate {value} ");
        ErrorAssert.Throws<ArgumentException>(
            () => _ = new Sgd(_layer.Parameters, 0.1, momentum: value), "Sgd", $"momentum {value} ");
        ErrorAssert.Throws<ArgumentException>(
            () => _ = new Sgd(_layer.Parameters, 0.1, weightDecay: value), "Sgd", $"weight decay {value} ");
        if (!double.IsFinite(value))
            ErrorAssert.Throws<ArgumentException>(
                () => _ = new Sgd(_layer.Parameters, 0.1, dampening: value), "Sgd", $"dampening {value} ");
    }

    [TestCase(double.NaN)]
    [TestCase(-1e-300)]
    [TestCase(double.PositiveInfinity)]
    public void LearningRate_SetOutsideItsRange_KeepsTheOld(double value)
    {
        using var optimizer = new Sgd(_layer.Parameters, 0.25);
        ErrorAssert.Throws<ArgumentException>(() => optimizer.LearningRate = value, $"learning rate {value} ");
        Assert.That(optimizer.LearningRate, Is.EqualTo(0.25));
        optimizer.LearningRate = 0;
        Assert.That(optimizer.LearningRate, Is.Zero);
    }

    [TestCase(0, 0)]
    [TestCase(0.9, 0.1)]
    public void Nesterov_WithoutMomentumOrWithDampening_IsRefused(double momentum, double dampening) =>
        ErrorAssert.Throws<ArgumentException>(
            () => _ = new Sgd(_layer.Parameters, 0.1, momentum, dampening, nesterov: true),
            $"momentum {momentum}", $"dampening {dampening}");

    [Test]
    public void Parameters_NoneOrNull_Throw()
    {
        ErrorAssert.Throws<ArgumentException>(() => _ = new Sgd([], 0.1), "at least one parameter");
        Assert.That(() => new Sgd(null!, 0.1), Throws.ArgumentNullException);
    }

    [Test]
    public void Properties_AreWhatWasGiven()
    {
        using var optimizer = new Sgd(_layer.Parameters, 0.1, 0.9, 0, 0.01, nesterov: true);
        Assert.That(
            (optimizer.LearningRate, optimizer.Momentum, optimizer.Dampening, optimizer.WeightDecay, optimizer.Nesterov),
            Is.EqualTo((0.1, 0.9, 0.0, 0.01, true)));
    }
}
