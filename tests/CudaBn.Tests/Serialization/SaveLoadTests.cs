using System.Runtime.InteropServices;
using CudaBn.Serialization;
using NUnit.Framework;

namespace CudaBn.Tests.Serialization;

public class SaveLoadTests
{
    private TemporaryFolder _folder = null!;

    private string File => _folder["model.safetensors"];

    [SetUp]
    public void MakeFolder() => _folder = new TemporaryFolder();

    [TearDown]
    public void RemoveFolder() => _folder.Dispose();

    [Test]
    public void Load_TensorsOfATypeThatNoModelHas_ArePassedOverUnlessWanted()
    {
        using var model = new Sequential(new Linear(1, 2, bias: false));
        model.Initialize(Device.Cpu, seed: 1);
        SafeTensorsWriter.Write(
            _folder["a.safetensors"],
            [
                new TensorSource("fc1.weight", "F32", [2, 1], stream => stream.Write([0, 0, 0x80, 0x3F, 0, 0, 0, 0x40])),
                new TensorSource("scale", "F8_E8M0", [3], stream => stream.Write([1, 2, 3])),
            ]);
        Assert.That(model.Load(_folder["a.safetensors"], strict: false).Unexpected, Is.EqualTo(new[] { "scale" }));
        Assert.That(model.Parameters[0].Value.ToArray<float>(), Is.EqualTo(new[] { 1f, 2f }));

        SafeTensorsWriter.Write(
            _folder["b.safetensors"], [new TensorSource("fc1.weight", "F8_E4M3", [2, 1], stream => stream.Write([1, 2]))]);
        Assert.That(
            () => model.Load(_folder["b.safetensors"]),
            Throws.TypeOf<InvalidDataException>().With.Message.Contains("fc1.weight").And.Message.Contains("F8_E4M3"));
    }

    [Test]
    public void Load_Checkpoint_TakesTheModelWithin()
    {
        using var run = new CheckpointRun(CheckpointSetup.Of("Sgd"));
        run.FitUpTo(1);
        run.Save(_folder["c.safetensors"], new Dictionary<string, string> { ["note"] = "mine" });
        using var model = CheckpointSetup.Of("Sgd").Model();
        model.Initialize(Device.Cpu, seed: 9);
        var loaded = model.Load(_folder["c.safetensors"]);
        Assert.That((loaded.IsComplete, loaded.Metadata["note"]), Is.EqualTo((true, "mine")));
        foreach (var (saved, restored) in run.Model.State.Zip(model.State))
            Assert.That(SavedState.ReadTensor(restored.Tensor), Is.EqualTo(SavedState.ReadTensor(saved.Tensor)), saved.Name);

        var bytes = System.IO.File.ReadAllBytes(_folder["c.safetensors"]);
        bytes[^(bytes.Length / 3)] ^= 4;
        System.IO.File.WriteAllBytes(_folder["c.safetensors"], bytes);
        Assert.That(
            () => model.Load(_folder["c.safetensors"]), Throws.TypeOf<InvalidDataException>().With.Message.Contains("SHA-256"));
    }

    [Test]
    public void Save_WritesPyTorchsNamesTypesAndShapes()
    {
        using var model = SmallModel(seed: 1);
        model.Save(File, new Dictionary<string, string> { ["network"] = "small" });

        using var reader = new SafeTensorsReader(File);
        Assert.That(
            reader.Entries.Select(entry => $"{entry.Name} {entry.DType} [{string.Join(",", entry.Shape)}]").Order(),
            Is.EqualTo(new[]
            {
                "bn1.bias F32 [2]", "bn1.num_batches_tracked I64 []", "bn1.running_mean F32 [2]",
                "bn1.running_var F32 [2]", "bn1.weight F32 [2]", "conv1.bias F32 [2]", "conv1.weight F32 [2,1,3,3]",
                "fc1.bias F32 [1]", "fc1.weight F32 [1,8]",
            }));
        Assert.That(reader.Metadata["network"], Is.EqualTo("small"));
        Assert.That(reader.Metadata[SavedState.VersionKey], Does.Match(@"^\d+\.\d+\.\d+"));
    }

    [Test]
    public void Load_GivesBackEveryBit(
        [Values(DType.Float32, DType.Float64)] DType dtype, [Values("m.safetensors", "m.npz", "m.NPZ", "m")] string name)
    {
        using var model = SmallModel(seed: 1, dtype);
        Touch(model);
        model.Save(_folder[name], new Dictionary<string, string> { ["größe"] = "\"1\"\n" });
        using var other = SmallModel(seed: 2, dtype);
        Assert.That(Bytes(other), Is.Not.EqualTo(Bytes(model)));

        var loaded = other.Load(_folder[name]);

        Assert.That(Bytes(other), Is.EqualTo(Bytes(model)));
        Assert.That(loaded.IsComplete, Is.True);
        Assert.That(loaded.Metadata["größe"], Is.EqualTo("\"1\"\n"));
        Assert.That(loaded.Metadata, Contains.Key(SavedState.VersionKey));
        Assert.That(
            System.IO.File.ReadAllBytes(_folder[name]).AsSpan().StartsWith("PK"u8),
            Is.EqualTo(name.EndsWith("npz", StringComparison.OrdinalIgnoreCase)));
    }

    [Test]
    public void Load_TellsFormatsApartByContent()
    {
        using var model = SmallModel(seed: 1);
        model.Save(_folder["a.npz"]);
        System.IO.File.Move(_folder["a.npz"], File);
        using var other = SmallModel(seed: 2);
        other.Load(File);
        Assert.That(Bytes(other), Is.EqualTo(Bytes(model)));
    }

    // Sign, zeros, the least subnormal, the greatest subnormal, the least normal, 1 + 2^-10, the greatest, infinities, NaN.
    [TestCase("F16", new ushort[] { 0x0000, 0x8000, 0x0001, 0x83FF, 0x0400, 0x3C01, 0xFBFF, 0x7C00, 0xFC00, 0x7E00 },
        new[] { 0, -0.0, 5.9604644775390625e-8, -6.097555160522461e-5, 6.103515625e-5, 1.0009765625, -65504,
            double.PositiveInfinity, double.NegativeInfinity, double.NaN })]
    [TestCase("BF16", new ushort[] { 0x0000, 0x8000, 0x0001, 0x807F, 0x0080, 0x3F81, 0xFF7F, 0x7F80, 0xFF80, 0x7FC0 },
        new[] { 0, -0.0, 9.183549615799121e-41, -1.1663108012064884e-38, 1.1754943508222875e-38, 1.0078125,
            -3.3895313892515355e38, double.PositiveInfinity, double.NegativeInfinity, double.NaN })]
    public void Load_HalfTypes_AreWidenedExactly(string type, ushort[] halves, double[] expected)
    {
        SafeTensorsWriter.Write(
            File,
            [new TensorSource("weight", type, [1, 10], stream => stream.Write(MemoryMarshal.AsBytes(halves.AsSpan())))]);
        foreach (var dtype in new[] { DType.Float32, DType.Float64 })
        {
            using var layer = new Linear(10, 1, bias: false);
            layer.Initialize(Device.Cpu, dtype);
            layer.Load(File);
            var values = layer.Weight!.Value.ToDoubles();
            // NaN is one whatever its bits; zeros have signs.
            Assert.That(values, Is.EqualTo(expected));
            Assert.That(values[..^1].Select(double.IsNegative), Is.EqualTo(expected[..^1].Select(double.IsNegative)));
        }
    }

    [Test]
    public void Load_NotStrict_TakesWhatFitsAndNamesTheRest()
    {
        using var model = SmallModel(seed: 1);
        Touch(model);
        model.Save(File);
        using var other = new Sequential(
            new Conv2d(1, 2, kernel: 3), new BatchNorm(2), new ReLU(), new Flatten(), new Linear(8, 3) { Name = "fc1" },
            new Linear(3, 1) { Name = "head" });
        other.Initialize(Device.Cpu, seed: 2);
        var head = Bytes(other)[^4..];

        Assert.That(() => other.Load(File), Throws.TypeOf<InvalidDataException>());
        var loaded = other.Load(File, strict: false);

        Assert.That(Bytes(other)[..^4], Is.EqualTo(Bytes(model)[..^2]));
        Assert.That(Bytes(other)[^4..], Is.EqualTo(head));
        Assert.That(loaded.IsComplete, Is.False);
        Assert.That(loaded.Missing, Is.EqualTo(new[] { "head.weight", "head.bias" }));
        Assert.That(loaded.Unexpected, Is.Empty);
        Assert.That(loaded.Mistyped, Is.Empty);
        Assert.That(loaded.Misshapen, Is.EqualTo(new WeightMismatch[]
        {
            new("fc1.weight", "[1, 8]", "[3, 8]"), new("fc1.bias", "[1]", "[3]"),
        }));
    }

    [Test]
    public void Load_NotStrict_NamesUnexpectedAndMistyped()
    {
        Write(entry => entry.Name switch
        {
            "fc1.bias" => entry with { Name = "fc2.bias" },
            "bn1.bias" => entry with { DType = "I32" },
            _ => entry,
        });
        using var model = SmallModel(seed: 2);
        var loaded = model.Load(File, strict: false);

        Assert.That(loaded.Missing, Is.EqualTo(new[] { "fc1.bias" }));
        Assert.That(loaded.Unexpected, Is.EqualTo(new[] { "fc2.bias" }));
        Assert.That(loaded.Mistyped, Is.EqualTo(new[] { new WeightMismatch("bn1.bias", "I32", "F32") }));
    }

    [Test]
    public void Load_NotStrict_NothingFits_IsRefused()
    {
        Write(entry => entry with { Name = "module." + entry.Name });
        using var model = SmallModel(seed: 2);
        var before = Bytes(model);
        Assert.That(
            () => model.Load(File, strict: false),
            Throws.TypeOf<InvalidDataException>().With.Message.Contains("holds nothing that fits this model")
                .And.Message.Contains("module.conv1.weight"));
        Assert.That(Bytes(model), Is.EqualTo(before));
    }

    [Test]
    public void Load_MoreFaultsThanAnyoneReads_AreCounted()
    {
        using var few = SmallModel(seed: 1);
        few.Save(File);
        using var many = ResNet20.Create();
        many.Initialize(Device.Cpu);
        var fault = Assert.Throws<InvalidDataException>(() => many.Load(File))!;
        Assert.That(
            fault.Message,
            Does.Match(@"missing: (\S+, ){19}\S+ and \d+ more; unexpected: conv1\.bias, fc1\.bias, fc1\.weight; of another shape: "
                + @"conv1\.weight \[2, 1, 3, 3\] instead of \[16, 3, 3, 3\], "));
    }

    [Test]
    public void State_OfResNet18_IsTorchvisions()
    {
        using var model = ResNet18.Create();
        model.Initialize(Device.Cpu);
        model.Save(File);

        List<string> expected = ["conv1.weight [64,3,7,7]", .. Norm("bn1", 64), "fc.weight [1000,512]", "fc.bias [1000]"];
        for (var layer = 1; layer <= 4; layer++)
        {
            for (var block = 0; block < 2; block++)
            {
                var outputs = 32 << layer;
                var inputs = block == 0 && layer > 1 ? outputs / 2 : outputs;
                var name = $"layer{layer}.{block}";
                expected.AddRange(
                [
                    $"{name}.conv1.weight [{outputs},{inputs},3,3]", .. Norm($"{name}.bn1", outputs),
                    $"{name}.conv2.weight [{outputs},{outputs},3,3]", .. Norm($"{name}.bn2", outputs),
                ]);
                if (inputs != outputs)
                    expected.AddRange(
                    [
                        $"{name}.downsample.0.weight [{outputs},{inputs},1,1]", .. Norm($"{name}.downsample.1", outputs),
                    ]);
            }
        }

        using var reader = new SafeTensorsReader(File);
        Assert.That(
            reader.Entries.Select(entry => $"{entry.Name} [{string.Join(",", entry.Shape)}]"), Is.EquivalentTo(expected));
        Assert.That(expected, Has.Count.EqualTo(122));

        static string[] Norm(string name, int channels) =>
        [
            $"{name}.weight [{channels}]", $"{name}.bias [{channels}]", $"{name}.running_mean [{channels}]",
            $"{name}.running_var [{channels}]", $"{name}.num_batches_tracked []",
        ];
    }

    [Test]
    public void Load_Float32IntoFloat64_IsExact()
    {
        using var model = SmallModel(seed: 1);
        model.Save(File);
        using var wide = SmallModel(seed: 2, DType.Float64);
        wide.Load(File);

        Assert.That(
            wide.State[0].Tensor.ToArray<double>(),
            Is.EqualTo(model.State[0].Tensor.ToArray<float>().Select(value => (double)value)));
    }

    [Test]
    public void Load_Float64IntoFloat32_IsRefused()
    {
        using var model = SmallModel(seed: 1, DType.Float64);
        model.Save(File);
        AssertRefused("of another type: conv1.weight F64 instead of F32", "fc1.bias F64 instead of F32");
    }

    [Test]
    public void Load_CountAsAVectorOfOne_IsTaken()
    {
        Write(entry => entry.Name == "bn1.num_batches_tracked" ? entry with { Shape = [1] } : entry);
        using var model = SmallModel(seed: 2);
        Assert.That(() => model.Load(File), Throws.Nothing);
    }

    [Test]
    public void Load_MissingTensor_IsNamed()
    {
        Write(entry => entry.Name is "fc1.bias" or "bn1.running_var" ? null : entry);
        AssertRefused("not the weights of this model: missing: bn1.running_var, fc1.bias");
    }

    [Test]
    public void Load_UnexpectedTensor_IsNamed()
    {
        Write(entry => entry.Name == "fc1.bias" ? entry with { Name = "fc9.bias" } : entry);
        AssertRefused("missing: fc1.bias; unexpected: fc9.bias");
    }

    [Test]
    public void Load_NothingButOneTensorMore_IsRefusedUnlessNotStrict()
    {
        using var model = new Linear(2, 1);
        using var other = new Linear(2, 1, bias: false);
        model.Initialize(Device.Cpu, seed: 1);
        other.Initialize(Device.Cpu, seed: 2);
        model.Save(File);

        Assert.That(
            () => other.Load(File),
            Throws.TypeOf<InvalidDataException>().With.Message.EndsWith("not the weights of this model: unexpected: bias"));
        Assert.That(other.Load(File, strict: false).Unexpected, Is.EqualTo(new[] { "bias" }));
        Assert.That(other.Weight!.Value.ToArray<float>(), Is.EqualTo(model.Weight!.Value.ToArray<float>()));
    }

    [Test]
    public void Load_MisshapenTensor_IsNamedWithBothShapes()
    {
        Write(entry => entry.Name == "fc1.weight" ? entry with { Shape = [8, 1] } : entry);
        AssertRefused("of another shape: fc1.weight [8, 1] instead of [1, 8]");
    }

    [Test]
    public void Load_OtherType_IsNamedWithBothTypes()
    {
        Write(entry => entry.Name == "bn1.bias" ? entry with { DType = "I32" } : entry);
        AssertRefused("of another type: bn1.bias I32 instead of F32");
    }

    [Test]
    public void Load_FileCutShort_ChangesNothing()
    {
        Write(entry => entry);
        var bytes = System.IO.File.ReadAllBytes(File);
        System.IO.File.WriteAllBytes(File, bytes[..^1]);
        AssertRefused();
    }

    [Test]
    public void Load_NoFile_Throws()
    {
        using var model = SmallModel(seed: 1);
        Assert.That(() => model.Load(File), Throws.InstanceOf<FileNotFoundException>());
    }

    [Test]
    public void NotInitialized_Throws()
    {
        using var model = new Sequential(new BatchNorm(2));
        Assert.That(() => model.Save(File), Throws.InvalidOperationException);
        Assert.That(() => model.Load(File), Throws.InvalidOperationException);
        Assert.That(_folder.FileNames(), Is.Empty);
    }

    private void AssertRefused(params string[] faults)
    {
        using var model = SmallModel(seed: 2);
        var before = Bytes(model);

        var fault = Assert.Throws<InvalidDataException>(() => model.Load(File))!;

        Assert.That(fault.Message, Does.Contain(File).And.Not.Contain("\n"));
        foreach (var expected in faults)
            Assert.That(fault.Message, Does.Contain(expected));
        Assert.That(Bytes(model), Is.EqualTo(before));
    }

    // The file of a good model, with entries changed or left out.
    private void Write(Func<TensorSource, TensorSource?> change)
    {
        using var model = SmallModel(seed: 1);
        model.Save(File);
        List<TensorSource> sources = [];
        using (var reader = new SafeTensorsReader(File))
        {
            foreach (var entry in reader.Entries)
            {
                var payload = new byte[entry.Length];
                reader.Read(entry, payload);
                var source = new TensorSource(entry.Name, entry.DType, entry.Shape, s => s.Write(payload));
                if (change(source) is { } kept)
                    sources.Add(kept);
            }
        }

        SafeTensorsWriter.Write(File, sources);
    }

    private static Sequential SmallModel(ulong seed, DType dtype = DType.Float32)
    {
        var model = new Sequential(
            new Conv2d(1, 2, kernel: 3), new BatchNorm(2), new ReLU(), new Flatten(), new Linear(8, 1));
        model.Initialize(Device.Cpu, dtype, seed);
        return model;
    }

    // Moves the running statistics and their count away from where they start.
    private static void Touch(Sequential model)
    {
        using var x = new Tensor([2, 1, 4, 4], model.DType, model.Device);
        model.Device.Backend.FillNormal(new CudaBn.Backends.OpArgs.RandomFillArgs(x, 5, 0, 0, 1));
        model.Forward(x);
    }

    private static byte[][] Bytes(Sequential model) => [.. model.State.Select(state => state.Tensor.DType switch
    {
        DType.Float32 => MemoryMarshal.AsBytes(state.Tensor.AsSpan<float>()).ToArray(),
        DType.Float64 => MemoryMarshal.AsBytes(state.Tensor.AsSpan<double>()).ToArray(),
        _ => MemoryMarshal.AsBytes(state.Tensor.AsSpan<long>()).ToArray(),
    })];
}
