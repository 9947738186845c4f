using System.Runtime.InteropServices;
using CudaBn.Serialization;
using CudaBn.Tests.Serialization;
using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.Cli;

public class ConvertTests
{
    private TemporaryFolder _folder = null!;

    [SetUp]
    public void MakeFolder() => _folder = new TemporaryFolder();

    [TearDown]
    public void RemoveFolder() => _folder.Dispose();

    [Test]
    public void Convert_ThereAndBack_GivesTheSameBytes()
    {
        using var model = new Sequential(new Conv2d(1, 2, kernel: 3), new BatchNorm(2));
        model.Initialize(Device.Cpu, seed: 1);
        model.Save(_folder["a.safetensors"], new Dictionary<string, string> { ["größe"] = "\"1\"\n" });

        using var there = Run("convert", "a.safetensors", "b.npz");
        using var back = Run("convert", "b.npz", "c.safetensors");

        Assert.That(there.ExitCode, Is.Zero, there.Error);
        Assert.That(there.Output.TrimEnd(), Does.Match(@"^b\.npz: 7 tensors of safetensors, [0-9,]+ bytes$"));
        Assert.That(back.ExitCode, Is.Zero, back.Error);
        Assert.That(
            File.ReadAllBytes(_folder["c.safetensors"]), Is.EqualTo(File.ReadAllBytes(_folder["a.safetensors"])));
    }

    [Test]
    public void Convert_OfATypeThatNpzLacks_IsRefused_AndElseKept()
    {
        SafeTensorsWriter.Write(
            _folder["a.safetensors"], [new TensorSource("e", "F8_E4M3", [2], stream => stream.Write([1, 2]))]);
        using var there = Run("convert", "a.safetensors", "b.npz");
        Assert.That(there.ExitCode, Is.EqualTo(2));
        Assert.That(there.Error, Does.Contain("b.npz: expected a name that ends in .safetensors").And.Contain("e is of F8_E4M3"));
        Assert.That(File.Exists(_folder["b.npz"]), Is.False);
        using var copy = Run("convert", "a.safetensors", "b.safetensors");
        Assert.That(copy.ExitCode, Is.Zero, copy.Error);
        Assert.That(
            File.ReadAllBytes(_folder["b.safetensors"]), Is.EqualTo(File.ReadAllBytes(_folder["a.safetensors"])));
    }

    [Test]
    public void Convert_NumPysFile_KeepsEveryValueInRows()
    {
        File.WriteAllBytes(_folder["a.npz"], EmbeddedFiles.Bytes("compressed.npz"));
        using var convert = Run("convert", "a.npz", "b.safetensors");

        Assert.That(convert.ExitCode, Is.Zero, convert.Error);
        using var reader = new SafeTensorsReader(_folder["b.safetensors"]);
        Assert.That(reader.TryGetEntry("Fbig_i4", out var entry));
        Assert.That(entry!.Shape, Is.EqualTo(new long[] { 2, 3, 4 }));
        var values = new int[24];
        reader.Read(entry, MemoryMarshal.AsBytes(values.AsSpan()));
        Assert.That(values, Is.EqualTo(Enumerable.Range(0, 24)));
        Assert.That(reader.Entries, Has.Length.EqualTo(52));
    }

    [Test]
    public void Convert_WhatNpzCannotKeep_IsSaid()
    {
        SafeTensorsWriter.Write(
            _folder["a.safetensors"],
            [
                new TensorSource("b", "BF16", [2], stream => stream.Write([0x80, 0x3F, 0x00, 0xC0])),
                new TensorSource("h", "F16", [1], stream => stream.Write([0x00, 0x3C])),
            ],
            new Dictionary<string, string> { ["long"] = new('x', 70_000) });
        using var convert = Run("convert", "a.safetensors", "b.npz");

        Assert.That(convert.ExitCode, Is.Zero, convert.Error);
        Assert.That(convert.Lines[1], Does.StartWith("note     metadata left out: 70,011 bytes"));
        Assert.That(convert.Lines[2], Does.StartWith("note     1 of BF16, which NumPy lacks, as F32"));
        using var reader = new NpzReader(_folder["b.npz"]);
        Assert.That(reader.Metadata, Is.Empty);
        Assert.That(reader.Entries.Select(entry => entry.DType), Is.EquivalentTo(new[] { "F32", "F16" }));
        Assert.That(reader.TryGetEntry("b", out var entry));
        var values = new float[2];
        reader.Read(entry!, MemoryMarshal.AsBytes(values.AsSpan()));
        Assert.That(values, Is.EqualTo(new[] { 1f, -2 }));
    }

    [Test]
    public void Convert_Force_ReplacesEvenTheFileItReads()
    {
        using var model = new Sequential(new BatchNorm(2));
        model.Initialize(Device.Cpu);
        model.Save(_folder["a.npz"]);
        File.WriteAllText(_folder["b.safetensors"], "old");

        using var other = Run("convert", "a.npz", "b.safetensors", "--force");
        using var self = Run("convert", "a.npz", "a.npz", "--force");

        Assert.That(other.ExitCode, Is.Zero, other.Error);
        Assert.That(self.ExitCode, Is.Zero, self.Error);
        model.Load(_folder["b.safetensors"]);
        model.Load(_folder["a.npz"]);
    }

    private CudabnProcess Run(params string[] arguments) => CudabnProcess.Run(_folder[""], arguments);
}
