using NUnit.Framework;

namespace CudaBn.Tests.Core;

[TestFixtureSource(typeof(Devices), nameof(Devices.All))]
public class ResidualTests(Device device)
{
    [Test]
    public void Constructor_NamesLayersMainAndShortcut_AndKeepsNamesGiven()
    {
        using var model = new Residual(
            new Sequential(new Linear(3, 3), new BatchNorm(3)), new Linear(3, 3) { Name = "projection" });
        model.Initialize(device);
        Assert.That(model.Layers.Select(l => l.Name), Is.EqualTo(new[] { "main", "projection" }));
        Assert.That(model.State.Select(s => s.Name), Is.EqualTo(new[]
        {
            "main.fc1.weight", "main.fc1.bias", "main.bn1.weight", "main.bn1.bias", "main.bn1.running_mean",
            "main.bn1.running_var", "main.bn1.num_batches_tracked", "projection.weight", "projection.bias",
        }));
        using var chain = new Sequential(new Residual(new Linear(3, 3), new Linear(3, 3)), new Residual(new ReLU()));
        chain.Initialize(device);
        Assert.That(chain.Layers.Select(l => l.Name), Is.EqualTo(new[] { "residual1", "residual2" }));
        Assert.That(chain.Parameters.Select(p => p.Name), Is.EqualTo(new[]
        {
            "residual1.main.weight", "residual1.main.bias", "residual1.shortcut.weight", "residual1.shortcut.bias",
        }));
    }

    [Test]
    public void OmitsName_LeavesTheContainersNameOut_InCopiesAndFusedModelsToo()
    {
        using var model = new Sequential(
            new Residual(
                new Sequential(new Conv2d(1, 1, kernel: 1), new BatchNorm(1)) { OmitsName = true }, new Conv2d(1, 1, kernel: 1)),
            new Sequential(new Conv2d(1, 1, kernel: 1, bias: false)) { OmitsName = true },
            new Conv2d(1, 1, kernel: 1, bias: false));
        model.Initialize(device);
        using var copy = (Sequential)model.Copy();
        copy.Initialize(device);
        using var fused = model.Fuse();
        string[] last = ["conv1.weight", "conv2.weight"];
        string[] conv = ["residual1.conv1.weight", "residual1.conv1.bias"];
        string[] shortcut = ["residual1.shortcut.weight", "residual1.shortcut.bias"];
        foreach (var whole in new[] { model, copy })
            Assert.That(
                whole.Parameters.Select(p => p.Name),
                Is.EqualTo((string[])[.. conv, "residual1.bn1.weight", "residual1.bn1.bias", .. shortcut, .. last]));
        Assert.That(fused.Parameters.Select(p => p.Name), Is.EqualTo((string[])[.. conv, .. shortcut, .. last]));

        ErrorAssert.Throws<ArgumentException>(
            () => _ = new Residual(
                new Sequential(new Linear(3, 3) { Name = "a" }) { OmitsName = true }, new Linear(3, 3) { Name = "a" }),
            "Two layers of a Residual are named 'a'");
    }

    [Test]
    public void Constructor_LayersThatCannotBeABlock_AreNamed()
    {
        var layer = new ReLU { Name = "twice" };
        ErrorAssert.Throws<ArgumentException>(() => _ = new Residual(layer, layer), "ReLU 'twice'", "Residual");
        ErrorAssert.Throws<ArgumentException>(
            () => _ = new Residual(new ReLU(), new Flatten { Name = "main" }), "Residual", "'main'");
        Assert.That(() => new Residual(null!), Throws.ArgumentNullException);
    }

    [Test]
    public void Forward_AddsTheShortcut()
    {
        using var identity = new Residual(new ReLU());
        using var both = new Residual(new ReLU(), new ReLU());
        using var x = Tensor.From([1f, -2, 3, -4], [2, 2], device);
        foreach (var model in new[] { identity, both })
            model.Initialize(device);
        Assert.That(identity.Forward(x).ToArray<float>(), Is.EqualTo(new float[] { 2, -2, 6, -4 }));
        Assert.That(both.Forward(x).ToArray<float>(), Is.EqualTo(new float[] { 2, 0, 6, 0 }));
        using var gradOutput = Tensor.From([5f, 6, 7, 8], [2, 2], device);
        Assert.That(identity.Backward(gradOutput).ToArray<float>(), Is.EqualTo(new float[] { 10, 6, 14, 8 }));
        Assert.That(both.Backward(gradOutput).ToArray<float>(), Is.EqualTo(new float[] { 10, 0, 14, 0 }));
    }

    [Test]
    public void Forward_ShapesThatDiffer_NamesBothAndRefusesBackward([Values] bool batchNorm, [Values] bool shortcut)
    {
        Layer main = batchNorm ? new Sequential(new Linear(3, 4), new BatchNorm(4)) : new Linear(3, 4);
        using var model = new Sequential(
            new Residual(main, shortcut ? new Linear(3, 5) : null) { Name = "block" }, new ReLU());
        model.Initialize(device);
        using var x = Tensor.From([1f, -2, 3, -4, 5, 7], [2, 3], device);
        ErrorAssert.Throws<ArgumentException>(
            () => model.Forward(x), "Residual 'block'", "'main'", "[2, 4]", shortcut ? "[2, 5]" : "[2, 3]");
        using var gradOutput = Tensor.Zeros([2, 4], DType.Float32, device);
        ErrorAssert.Throws<InvalidOperationException>(() => model.Backward(gradOutput), "forward");
    }

    [Test]
    public void Forward_InputOfABranchDoesNotFit_NamesItsLayer()
    {
        using var model = new Sequential(
            new Residual(new Sequential(new Linear(3, 3), new BatchNorm(4) { Name = "norm" })), new ReLU());
        model.Initialize(device);
        using var x = Tensor.Zeros([2, 3], DType.Float32, device);
        ErrorAssert.Throws<ArgumentException>(() => model.Forward(x), "BatchNorm 'norm'", "[2, 3]");
    }

    [Test]
    public void IsTrainingAndFusesLayers_ReachEveryLayer()
    {
        var inner = new Sequential(new BatchNorm(2), new ReLU());
        var block = new Residual(inner, new BatchNorm(2));
        using var model = new Sequential(block, new ReLU());
        model.IsTraining = false;
        model.FusesLayers = false;
        Assert.That(inner.Layers.Concat(block.Layers).Concat(model.Layers).Any(l => l.IsTraining), Is.False);
        Assert.That((block.FusesLayers, inner.FusesLayers), Is.EqualTo((false, false)));
        model.IsTraining = true;
        model.FusesLayers = true;
        Assert.That(inner.Layers.Concat(block.Layers).Concat(model.Layers).All(l => l.IsTraining), Is.True);
        Assert.That((block.FusesLayers, inner.FusesLayers), Is.EqualTo((true, true)));
    }
}
