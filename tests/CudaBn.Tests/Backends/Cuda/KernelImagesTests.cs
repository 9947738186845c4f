using CudaBn.Backends.Cuda;
using CudaBn.Tests.Serialization;
using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.Backends.Cuda;

public class KernelImagesTests
{
    private const string Source = """
        extern "C" __global__ void store(REAL value, REAL* y)
        {
            *y = value;
        }
        """;

    private TemporaryFolder _folder = null!;
    private string[] _options = null!;

    [OneTimeSetUp]
    public void RequireCuda()
    {
        var backend = (CudaBackend)CudaUnderTest.Open().Backend;
        _options = KernelCompiler.Options(new KernelFile("store.cu"), backend.Architecture, DType.Float32, []);
    }

    [SetUp]
    public void MakeFolder() => _folder = new TemporaryFolder();

    [TearDown]
    public void RemoveFolder() => _folder.Dispose();

    [Test]
    public void Get_InAnotherProcess_DoesNotCompile()
    {
        var first = New();
        var image = first.Get("store.cu", Source, _options);
        Assert.That(first.Get("store.cu", Source, _options), Is.SameAs(image));
        Assert.That(first.CompiledCount, Is.EqualTo(1));
        var second = New();
        Assert.That(second.Get("store.cu", Source, _options), Is.EqualTo(image));
        Assert.That(second.CompiledCount, Is.Zero);
    }

    [Test]
    public void Get_AnythingElseAsked_Compiles()
    {
        New().Get("store.cu", Source, _options);
        var images = New();
        images.Get("store.cu", Source + "\n", _options);
        images.Get("store2.cu", Source, _options);
        images.Get("store.cu", Source, [.. _options, "-DEXTRA=1"]);
        Assert.That(images.CompiledCount, Is.EqualTo(3));
    }

    [Test]
    public void Get_ADamagedFile_CompilesAndMendsIt()
    {
        var image = New().Get("store.cu", Source, _options);
        var file = Directory.GetFiles(_folder["cache"]).Single();
        var stored = File.ReadAllBytes(file);
        stored[^1] ^= 1;
        File.WriteAllBytes(file, stored);
        var images = New();
        Assert.That(images.Get("store.cu", Source, _options), Has.Length.EqualTo(image.Length));
        Assert.That(images.CompiledCount, Is.EqualTo(1));
        var mended = New();
        mended.Get("store.cu", Source, _options);
        Assert.That(mended.CompiledCount, Is.Zero);
    }

    [Test]
    public void Renew_WhatTheDriverRefused_CompilesAndReplacesIt()
    {
        var first = New();
        var image = first.Get("store.cu", Source, _options);
        var renewed = first.Renew("store.cu", Source, _options);
        Assert.That(renewed, Has.Length.EqualTo(image.Length));
        Assert.That(first.CompiledCount, Is.EqualTo(2));
        Assert.That(first.Get("store.cu", Source, _options), Is.SameAs(renewed));
        Assert.That(New().Get("store.cu", Source, _options), Is.EqualTo(renewed));
    }

    [Test]
    public void Get_FromManyThreads_CompilesEachFileOnce()
    {
        var images = New();
        Parallel.For(0, 12, i => images.Get($"store{i % 3}.cu", Source, _options));
        Assert.That(images.CompiledCount, Is.EqualTo(3));
        Assert.That(images.Cache.Problem, Is.Null);
    }

    [Test]
    public void Get_ASourceThatDoesNotCompile_NamesFileLineAndOptions()
    {
        var images = New();
        for (var attempt = 0; attempt < 2; attempt++)
        {
            var fault = Assert.Throws<KernelCompilationException>(
                () => images.Get("broken.cu", Source.Replace("*y", "*z", StringComparison.Ordinal), _options));
            Assert.That(fault!.File, Is.EqualTo("broken.cu"));
            Assert.That(fault.Options, Is.EqualTo(_options));
            Assert.That(fault.Log, Does.Contain("broken.cu").And.Contain("3").And.Contain("z"));
            Assert.That(fault.Message, Does.Contain("broken.cu").And.Contain("-DREAL=float").And.Contain(fault.Log));
        }

        Assert.That(images.CompiledCount, Is.EqualTo(2), "a failure is not kept");
        Assert.That(Directory.GetFiles(_folder["cache"]), Is.Empty);
    }

    [Test]
    public void Options_UnknownToTheCompiler_AreAnError() =>
        Assert.That(
            () => New().Get("store.cu", Source, [.. _options, "--no-such-option"]),
            Throws.TypeOf<KernelCompilationException>().With.Message.Contains("--no-such-option"));

    private KernelImages New() => new(CubinCache.In(_folder["cache"]));
}
