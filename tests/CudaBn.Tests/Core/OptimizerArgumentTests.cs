using NUnit.Framework;

namespace CudaBn.Tests.Core;

[TestFixtureSource(typeof(Devices), nameof(Devices.All))]
public class OptimizerArgumentTests(Device device)
{
    private Sequential _model = null!;

    [SetUp]
    public void Initialize()
    {
        _model = new Sequential(new Linear(2, 3), new BatchNorm(3), new ReLU(), new Linear(3, 2));
        _model.Initialize(device);
    }

    [TearDown]
    public void Release() => _model.Dispose();

    [Test]
    public void Adam_ConstantsOutsideTheirRanges_AreNamed()
    {
        foreach (var bad in new[] { -0.1, double.NaN, double.PositiveInfinity })
        {
            Refuses(() => new Adam(_model.Parameters, bad), "Adam", $"learning rate {bad} ");
            Refuses(() => new Adam(_model.Parameters, beta1: bad), "Adam", $"beta1 {bad} ");
            Refuses(() => new AdamW(_model.Parameters, beta2: bad), "AdamW", $"beta2 {bad} ");
            Refuses(() => new AdamW(_model.Parameters, epsilon: bad), "AdamW", $"epsilon {bad} ");
            Refuses(() => new Adam(_model.Parameters, weightDecay: bad), "Adam", $"weight decay {bad} ");
            Refuses(() => new AdamW(_model.Parameters, maxGradientNorm: bad), "AdamW", $"maximum gradient norm {bad} ");
            ErrorAssert.Throws<ArgumentException>(
                () => _ = new ParameterGroup(_model.Parameters, bad), "ParameterGroup", $"learning rate factor {bad} ");
            ErrorAssert.Throws<ArgumentException>(
                () => _ = new ParameterGroup(_model.Parameters, 1, bad), "ParameterGroup", $"weight decay {bad} ");
        }

        Refuses(() => new Adam(_model.Parameters, beta1: 1), "Adam", "beta1 1 ");
        Refuses(() => new Adam(_model.Parameters, epsilon: 0), "Adam", "epsilon 0 ");
        Refuses(() => new AdamW(_model.Parameters, epsilon: 1e-46), "AdamW", "epsilon 1E-46 ", "Float32");
        Refuses(() => new Sgd(_model.Parameters, 1e39), "Sgd", "learning rate 1E+39 ", "Float32");
        Refuses(() => Adam.OfGroups([null!]), "Adam", "group 0 ");
        ErrorAssert.Throws<ArgumentException>(
            () => _ = new ParameterGroup([_model.Parameters[0], null!]), "ParameterGroup", "parameter 1 ");
        Refuses(() => new Sgd(_model.Parameters, 1, maxGradientNorm: 0), "Sgd", "maximum gradient norm 0 ");
        Refuses(() => new Adam([]), "Adam", "at least one parameter");
    }

    [Test]
    public void Parameter_GivenTwice_IsNamed()
    {
        var parameter = _model.Parameters[0];
        Refuses(() => new Sgd([parameter, parameter], 1), "Sgd", $"'{parameter.Name}'", "twice");
        Refuses(
            () => Adam.OfGroups([new ParameterGroup(_model.Parameters), new ParameterGroup([parameter])]), "Adam",
            $"'{parameter.Name}'", "twice");
    }

    [Test]
    public void WithoutDecayOnNorms_SplitsByAxes()
    {
        var groups = ParameterGroup.WithoutDecayOnNorms(_model, 0.1);

        Assert.That(groups.Select(group => group.WeightDecay), Is.EqualTo(new double?[] { 0.1, 0 }));
        Assert.That(groups[0].Parameters.Select(p => p.Name), Is.EqualTo(new[] { "fc1.weight", "fc2.weight" }));
        Assert.That(
            groups[1].Parameters.Select(p => p.Name),
            Is.EqualTo(new[] { "fc1.bias", "bn1.weight", "bn1.bias", "fc2.bias" }));
        using var plain = new Linear(2, 2, bias: false);
        Assert.That(() => ParameterGroup.WithoutDecayOnNorms(plain, 0.1), Throws.InvalidOperationException);
        plain.Initialize(device);
        Assert.That(ParameterGroup.WithoutDecayOnNorms(plain, 0.1), Has.Count.EqualTo(1));
    }

    [Test]
    public void Properties_AreWhatWasGiven()
    {
        using var adam = new Adam(_model.Parameters, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6);
        Assert.That(
            (adam.LearningRate, adam.Beta1, adam.Beta2, adam.Epsilon, adam.WeightDecay, adam.MaxGradientNorm),
            Is.EqualTo((0.1, 0.2, 0.3, 0.4, 0.5, (double?)0.6)));
        using var decoupled = new AdamW(_model.Parameters);
        Assert.That(
            (decoupled.LearningRate, decoupled.Beta1, decoupled.Beta2, decoupled.Epsilon, decoupled.WeightDecay),
            Is.EqualTo((1e-3, 0.9, 0.999, 1e-8, 0.01)));
        var groups = ParameterGroup.WithoutDecayOnNorms(_model, 0.1);
        using var sgd = Sgd.OfGroups(groups, 0.1, momentum: 0.9);
        Assert.That(sgd.ParameterGroups, Is.EqualTo(groups));
        Assert.That(groups[0].LearningRateFactor, Is.EqualTo(1));
    }

    private static void Refuses(Func<Optimizer> make, params string[] parts) =>
        ErrorAssert.Throws<ArgumentException>(() => make(), parts);
}
