using System.Runtime.InteropServices;
using CudaBn.Serialization;
using NUnit.Framework;

namespace CudaBn.Tests.Serialization;

public class ModelWeightsTests
{
    private TemporaryFolder _folder = null!;

    private string File => _folder["model.safetensors"];

    [SetUp]
    public void MakeFolder() => _folder = new TemporaryFolder();

    [TearDown]
    public void RemoveFolder() => _folder.Dispose();

    [Test]
    public void Save_WritesPyTorchsNamesTypesAndShapes()
    {
        using var model = SmallModel(seed: 1);
        ModelWeights.Save(model, File, new Dictionary<string, string> { ["network"] = "small" });

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
        Assert.That(reader.Metadata[ModelWeights.VersionKey], Does.Match(@"^\d+\.\d+\.\d+"));
    }

    [TestCase(DType.Float32)]
    [TestCase(DType.Float64)]
    public void Load_GivesBackEveryBit(DType dtype)
    {
        using var model = SmallModel(seed: 1, dtype);
        Touch(model);
        ModelWeights.Save(model, File);
        using var other = SmallModel(seed: 2, dtype);
        Assert.That(Bytes(other), Is.Not.EqualTo(Bytes(model)));

        var metadata = ModelWeights.Load(other, File);

        Assert.That(Bytes(other), Is.EqualTo(Bytes(model)));
        Assert.That(metadata, Contains.Key(ModelWeights.VersionKey));
    }

    [Test]
    public void Load_Float32IntoFloat64_IsExact()
    {
        using var model = SmallModel(seed: 1);
        ModelWeights.Save(model, File);
        using var wide = SmallModel(seed: 2, DType.Float64);
        ModelWeights.Load(wide, File);

        Assert.That(
            wide.State[0].Tensor.ToArray<double>(),
            Is.EqualTo(model.State[0].Tensor.ToArray<float>().Select(value => (double)value)));
    }

    [Test]
    public void Load_Float64IntoFloat32_IsRefused()
    {
        using var model = SmallModel(seed: 1, DType.Float64);
        ModelWeights.Save(model, File);
        AssertRefused("conv1.weight is F64, expected F32", "fc1.bias is F64, expected F32");
    }

    [Test]
    public void Load_CountAsAVectorOfOne_IsTaken()
    {
        Write(entry => entry.Name == "bn1.num_batches_tracked" ? entry with { Shape = [1] } : entry);
        using var model = SmallModel(seed: 2);
        Assert.That(() => ModelWeights.Load(model, File), Throws.Nothing);
    }

    [Test]
    public void Load_MissingTensor_IsNamed()
    {
        Write(entry => entry.Name is "fc1.bias" or "bn1.running_var" ? null : entry);
        AssertRefused("bn1.running_var is missing", "fc1.bias is missing");
    }

    [Test]
    public void Load_UnexpectedTensor_IsNamed()
    {
        Write(entry => entry.Name == "fc1.bias" ? entry with { Name = "fc9.bias" } : entry);
        AssertRefused("fc1.bias is missing", "fc9.bias is unexpected");
    }

    [Test]
    public void Load_MisshapenTensor_IsNamedWithBothShapes()
    {
        Write(entry => entry.Name == "fc1.weight" ? entry with { Shape = [8, 1] } : entry);
        AssertRefused("fc1.weight is [8, 1], expected [1, 8]");
    }

    [Test]
    public void Load_OtherType_IsNamedWithBothTypes()
    {
        Write(entry => entry.Name == "bn1.bias" ? entry with { DType = "I32" } : entry);
        AssertRefused("bn1.bias is I32, expected F32");
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
        Assert.That(() => ModelWeights.Load(model, File), Throws.InstanceOf<FileNotFoundException>());
    }

    [Test]
    public void NotInitialized_Throws()
    {
        using var model = new Sequential(new BatchNorm(2));
        Assert.That(() => ModelWeights.Save(model, File), Throws.InvalidOperationException);
        Assert.That(() => ModelWeights.Load(model, File), Throws.InvalidOperationException);
        Assert.That(_folder.FileNames(), Is.Empty);
    }

    private void AssertRefused(params string[] faults)
    {
        using var model = SmallModel(seed: 2);
        var before = Bytes(model);

        var fault = Assert.Throws<InvalidDataException>(() => ModelWeights.Load(model, File))!;

        Assert.That(fault.Message, Does.Contain(File).And.Not.Contain("\n"));
        foreach (var expected in faults)
            Assert.That(fault.Message, Does.Contain(expected));
        Assert.That(Bytes(model), Is.EqualTo(before));
    }

    // The file of a good model, with entries changed or left out.
    private void Write(Func<SafeTensorsSource, SafeTensorsSource?> change)
    {
        using var model = SmallModel(seed: 1);
        ModelWeights.Save(model, File);
        List<SafeTensorsSource> sources = [];
        using (var reader = new SafeTensorsReader(File))
        {
            foreach (var entry in reader.Entries)
            {
                var payload = new byte[entry.Length];
                reader.Read(entry, payload);
                var source = new SafeTensorsSource(entry.Name, entry.DType, entry.Shape, s => s.Write(payload));
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
