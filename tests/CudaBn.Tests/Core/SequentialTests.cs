using NUnit.Framework;

namespace CudaBn.Tests.Core;

[TestFixtureSource(typeof(Devices), nameof(Devices.All))]
public class SequentialTests(Device device)
{
    [Test]
    public void Constructor_NamesLayersAfterKindAndCount()
    {
        using var model = new Sequential(
            new Conv2d(1, 2, 3), new BatchNorm(2), new ReLU(), new MaxPool2d(2), new Conv2d(2, 2, 3), new BatchNorm(2),
            new ReLU(), new Flatten(), new Linear(8, 4), new ReLU(), new Sequential(new Linear(4, 3)), new Linear(3, 2));
        Assert.That(model.Layers.Select(l => l.Name), Is.EqualTo(new[]
        {
            "conv1", "bn1", "relu1", "pool1", "conv2", "bn2", "relu2", "flatten1", "fc1", "relu3", "sequential1", "fc2",
        }));
    }

    [Test]
    public void Constructor_KeepsNamesGiven()
    {
        using var model = new Sequential(new Linear(2, 2) { Name = "stem" }, new Linear(2, 2), new ReLU { Name = "act" });
        Assert.That(model.Layers.Select(l => l.Name), Is.EqualTo(new[] { "stem", "fc2", "act" }));
    }

    [Test]
    public void Constructor_LayersThatCannotBeARow_AreNamed()
    {
        var layer = new ReLU { Name = "twice" };
        ErrorAssert.Throws<ArgumentException>(() => _ = new Sequential(), "at least one layer");
        ErrorAssert.Throws<ArgumentException>(() => _ = new Sequential(layer, new Flatten(), layer), "ReLU 'twice'");
        ErrorAssert.Throws<ArgumentException>(
            () => _ = new Sequential(new ReLU { Name = "a" }, new Flatten { Name = "a" }), "'a'");
        Assert.That(() => new Sequential(new ReLU(), null!), Throws.ArgumentNullException);
        Assert.That(new Sequential(layer).Layers, Has.Count.EqualTo(1), "a layer refused in one row works in another");
    }

    [Test]
    public void Layer_AtTwoDepths_IsNamed()
    {
        var layer = new ReLU { Name = "twice" };
        ErrorAssert.Throws<ArgumentException>(
            () => _ = new Sequential(layer, new Residual(new Sequential(layer))), "ReLU 'twice'", "Sequential");
    }

    [Test]
    public void State_HasThePyTorchNames()
    {
        using var model = new Sequential(new Conv2d(1, 2, 3), new BatchNorm(2), new BatchNorm(2, affine: false),
            new Flatten(), new Linear(8, 4, bias: false));
        model.Initialize(device);
        Assert.That(model.State.Select(s => s.Name), Is.EqualTo(new[]
        {
            "conv1.weight", "conv1.bias",
            "bn1.weight", "bn1.bias", "bn1.running_mean", "bn1.running_var", "bn1.num_batches_tracked",
            "bn2.running_mean", "bn2.running_var", "bn2.num_batches_tracked",
            "fc1.weight",
        }));
        Assert.That(
            model.Parameters.Select(p => p.Name),
            Is.EqualTo(new[] { "conv1.weight", "conv1.bias", "bn1.weight", "bn1.bias", "fc1.weight" }));
        Assert.That(
            model.State.Where(s => s.Name == "conv1.weight").Single().Tensor,
            Is.SameAs(model.Parameters[0].Value));
    }

    [Test]
    public void State_FirstValues_AreThoseOfPyTorch()
    {
        using var model = new Sequential(new BatchNorm(2), new Linear(2, 3));
        model.Initialize(device, DType.Float64);
        var state = model.State.ToDictionary(s => s.Name, s => s.Tensor);
        Assert.That(state["bn1.weight"].ToArray<double>(), Is.All.EqualTo(1));
        Assert.That(state["bn1.bias"].ToArray<double>(), Is.All.Zero);
        Assert.That(state["bn1.running_mean"].ToArray<double>(), Is.All.Zero);
        Assert.That(state["bn1.running_var"].ToArray<double>(), Is.All.EqualTo(1));
        Assert.That(state["bn1.num_batches_tracked"].DType, Is.EqualTo(DType.Int64));
        Assert.That(state["bn1.num_batches_tracked"].ToArray<long>(), Is.EqualTo(new[] { 0L }));
        Assert.That(state["fc1.weight"].Shape, Is.EqualTo(new Shape(3, 2)));
    }

    [Test]
    public void State_NestedAndNamed_JoinsTheNamesByDots()
    {
        using var model = new Sequential(
            new Sequential(new Linear(2, 2), new Sequential(new Linear(2, 2)) { Name = "inner" }) { Name = "block" },
            new Linear(2, 1));
        model.Initialize(device);
        Assert.That(model.Parameters.Select(p => p.Name), Is.EqualTo(new[]
        {
            "block.fc1.weight", "block.fc1.bias", "block.inner.fc1.weight", "block.inner.fc1.bias", "fc1.weight",
            "fc1.bias",
        }));

        using var named = new Linear(2, 2) { Name = "head" };
        named.Initialize(device);
        Assert.That(named.Parameters[0].Name, Is.EqualTo("head.weight"));
        using var nameless = new Linear(2, 2);
        nameless.Initialize(device);
        Assert.That(nameless.Parameters[0].Name, Is.EqualTo("weight"));
    }

    [Test]
    public void Nesting_ChangesNoValue()
    {
        using var flat = new Sequential(new Linear(3, 4), new ReLU(), new Linear(4, 5), new BatchNorm(5));
        using var nested = new Sequential(
            new Sequential(new Linear(3, 4), new ReLU()), new Sequential(new Linear(4, 5), new BatchNorm(5)));
        flat.Initialize(device, DType.Float64, seed: 5);
        nested.Initialize(device, DType.Float64, seed: 5);
        using var x = Tensor.From([1.0, -2, 3, 0.5, 0.25, -1], [2, 3], device);
        using var gradOutput = Tensor.From([1.0, 2, 3, 4, 5, -5, -1, -2, -3, 4], [2, 5], device);
        Assert.That(nested.Forward(x).ToArray<double>(), Is.EqualTo(flat.Forward(x).ToArray<double>()));
        Assert.That(nested.Backward(gradOutput).ToArray<double>(), Is.EqualTo(flat.Backward(gradOutput).ToArray<double>()));
        for (var i = 0; i < flat.Parameters.Count; i++)
            Assert.That(
                nested.Parameters[i].Gradient.ToArray<double>(),
                Is.EqualTo(flat.Parameters[i].Gradient.ToArray<double>()), flat.Parameters[i].Name);
    }

    [Test]
    public void IsTraining_ReachesEveryLayer()
    {
        using var inner = new Sequential(new BatchNorm(2), new ReLU());
        using var model = new Sequential(new BatchNorm(2), inner);
        Assert.That(model.IsTraining, Is.True);
        model.IsTraining = false;
        Assert.That(model.Layers.Concat(inner.Layers).Append(model).Any(l => l.IsTraining), Is.False);
        model.IsTraining = true;
        Assert.That(model.Layers.Concat(inner.Layers).Append(model).All(l => l.IsTraining), Is.True);
    }

    [Test]
    public void Forward_InputOfALaterLayerDoesNotFit_NamesThatLayer()
    {
        using var model = new Sequential(new Conv2d(1, 2, 3), new Flatten(), new Linear(8, 3));
        model.Initialize(device);
        using var bad = Tensor.Zeros([2, 1, 5, 5], DType.Float32, device);
        using var good = Tensor.Zeros([2, 1, 4, 4], DType.Float32, device);
        ErrorAssert.Throws<ArgumentException>(() => model.Forward(bad), "Linear 'fc1'", "[2, 18]");
        Assert.That(model.Forward(good).Shape, Is.EqualTo(new Shape(2, 3)));
    }

    [Test]
    public void Parameters_HaveStreamsOfTheirOwn()
    {
        using var model = new Sequential(new Linear(40, 40), new Linear(40, 40));
        model.Initialize(device, DType.Float64, seed: 1);
        Assert.That(
            model.Parameters[2].Value.ToArray<double>(),
            Is.Not.EqualTo(model.Parameters[0].Value.ToArray<double>()));
    }
}
