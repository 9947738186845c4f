using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.Optimizers;

/// <summary>What an optimizer keeps, by name.</summary>
[TestFixtureSource(typeof(TestBackends), nameof(TestBackends.InEveryType))]
public class OptimizerStateTests(TestBackend backend, DType dtype) : BackendFixture(backend, dtype)
{
    [Test]
    public void State_OfPlainSgd_IsEmpty()
    {
        using var sgd = new Sgd(Model().Parameters, 0.1);
        Assert.That(sgd.State, Is.Empty);
    }

    [Test]
    public void State_OfMomentum_IsTheGradientAfterAStep()
    {
        var model = Model();
        using var sgd = new Sgd(model.Parameters, 0.1, momentum: 0.9);
        Assert.That(sgd.State.Select(state => Read(state.Tensor)), Is.All.All.Zero);
        SetGradients(model, 2);
        sgd.Step();
        Assert.That(
            sgd.State.Select(state => state.Name), Is.EqualTo(new[] { "weight.momentum_buffer", "bias.momentum_buffer" }));
        Assert.That(sgd.State.Select(state => state.Tensor.Shape), Is.EqualTo(new Shape[] { [2, 3], [2] }));
        Assert.That(sgd.State.Select(state => Read(state.Tensor)), Is.All.All.EqualTo(2));
    }

    [Test]
    public void State_OfAdam_HoldsMomentsAndStepsOfEachParameter()
    {
        var model = Model();
        using var adam = new AdamW(model.Parameters, 0.1, beta1: 0.5, beta2: 0.75);
        SetGradients(model, 4);
        adam.Step();
        model.Parameters[0].RequiresGradient = false;
        adam.Step();

        Assert.That(adam.State.Select(state => state.Name), Is.EqualTo(new[]
        {
            "weight.exp_avg", "weight.exp_avg_sq", "weight.step", "bias.exp_avg", "bias.exp_avg_sq", "bias.step",
        }));
        Assert.That(Read(adam.State[0].Tensor), Is.All.EqualTo(2));
        Assert.That(Read(adam.State[1].Tensor), Is.All.EqualTo(4));
        Assert.That(Read(adam.State[3].Tensor), Is.All.EqualTo(3));
        Assert.That(Read(adam.State[4].Tensor), Is.All.EqualTo(7));
        Assert.That(
            (adam.State[2].Tensor.ToArray<long>()[0], adam.State[5].Tensor.ToArray<long>()[0]), Is.EqualTo((1, 2)));
    }

    private Linear Model() => OnDevice(new Linear(3, 2));

    private void SetGradients(Layer model, double value)
    {
        foreach (var parameter in model.Parameters)
            Device.Backend.Fill(parameter.Gradient, value);
    }
}
