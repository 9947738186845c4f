using CudaBn.Tests.Serialization;
using CudaBn.Tests.Support;
using NUnit.Framework;

namespace CudaBn.Tests.Cli;

/// <summary>What the command says and does where CUDA is not as it should be, each case a process of its own.</summary>
public class DoctorTests
{
    private TemporaryFolder _folder = null!;
    private string _libraries = null!;

    [SetUp]
    public void Prepare()
    {
        SoftCudaControl.Require();
        _folder = new TemporaryFolder();
        _libraries = Environment.GetEnvironmentVariable("CUDABN_CUDA_PATH")!;
    }

    [TearDown]
    public void RemoveFolder() => _folder?.Dispose();

    [Test]
    public void SoundMachine_ShowsLibrariesVersionsDevicesAndCache()
    {
        using var doctor = Doctor([]);
        AssertContains(
            doctor, "device   cuda:0: ", "libcuda.so.1: loaded", "supports CUDA 13.0", "libnvrtc.so.13: loaded",
            "NVRTC    version 13.0", "cuBLAS   version ", "cuda:0   Software CUDA device", "compute capability 9.0, 8.6 GB",
            $"kernels  {_folder["cudabn/kernels"]}: 0 compiled, 0.0 MB");
        Assert.That(doctor.Output, Does.Not.Contain("to mend"));
    }

    [TestCase("SOFTCUDA_DEVICES", "0", "the NVIDIA driver finds no GPU", "nvidia-smi")]
    [TestCase("SOFTCUDA_DRIVER_VERSION", "11080", "it supports CUDA 11.8, and 12.0 is needed", "version 525 or later")]
    [TestCase("SOFTCUDA_CAPABILITY", "61", "is older than NVRTC 13.0 compiles for", "install an older NVRTC")]
    public void WhatIsMissing_IsSaidWithTheRemedy_AndTheCpuIsUsed(string key, string value, string problem, string remedy)
    {
        using var doctor = Doctor([(key, value)]);
        AssertContains(doctor, "device   cpu", problem, $"to mend  ", remedy);

        // Asked for by name, the GPU is an error of one line that says the same.
        using var train = Command([(key, value)], "train", "--device", "cuda", "--out", _folder["run"]);
        Assert.That(train.ExitCode, Is.EqualTo(1));
        Assert.That(train.Error, Does.Contain("'cuda:0' is not to be had").And.Contain(problem).And.Contain(remedy));
        Assert.That(train.Error.TrimEnd().Split('\n'), Has.Length.EqualTo(1));
        Assert.That(Directory.Exists(_folder["run"]), Is.False);
    }

    [Test]
    public void NoLibraryAtAll_IsSaidWithTheRemedy()
    {
        using var doctor = Doctor([("CUDABN_CUDA_PATH", _folder["nowhere"])]);
        AssertContains(
            doctor, "device   cpu", $"{_folder["nowhere/libcuda.so.1"]}: no such file", "to mend  there is no NVIDIA driver",
            "install the NVIDIA driver");
    }

    [Test]
    public void DriverWithoutNvrtc_NamesIt_AndWithoutCublas_GoesOn()
    {
        var folder = Link("libcuda.so.1");
        using (var doctor = Doctor([("CUDABN_CUDA_PATH", folder)]))
            AssertContains(
                doctor, "device   cpu", "to mend  NVRTC, which compiles the kernels, is nowhere", "CUDABN_CUDA_PATH");

        Link("libnvrtc.so.12");
        using (var doctor = Doctor([("CUDABN_CUDA_PATH", folder)]))
            AssertContains(doctor, "device   cuda:0", "libnvrtc.so.12: loaded", "dense layers run on CudaBn's own kernel");
    }

    [Test]
    public void DriverOfCuda12_TakesTheLibrariesOfCuda12First()
    {
        using var doctor = Doctor([("SOFTCUDA_DRIVER_VERSION", "12040"), ("SOFTCUDA_NVRTC_VERSION", "12040")]);
        AssertContains(doctor, "supports CUDA 12.4", "libnvrtc.so.12: loaded", "libcublas.so.12: loaded");
    }

    [Test]
    public void NvrtcNewerThanTheDriver_IsSaidWithTheRemedy()
    {
        using var doctor = Doctor([("SOFTCUDA_DRIVER_VERSION", "12040"), ("SOFTCUDA_NVRTC_VERSION", "13000")]);
        AssertContains(
            doctor, "device   cpu", "the NVIDIA driver, of CUDA 12.4, does not load what NVRTC 13.0 compiles",
            "update the driver, or install NVRTC 12");
    }

    [Test]
    public void BrokenDriver_SaysWhatTheLoaderSays()
    {
        Directory.CreateDirectory(_folder["broken"]);
        File.WriteAllText(_folder["broken/libcuda.so.1"], "no library at all");
        using var doctor = Doctor([("CUDABN_CUDA_PATH", _folder["broken"])]);
        AssertContains(doctor, "device   cpu", $"to mend  {_folder["broken/libcuda.so.1"]} does not load: ");
    }

    [Test]
    public void GpuNewerThanNvrtc_RunsOnPtx()
    {
        using var doctor = Doctor([("SOFTCUDA_CAPABILITY", "100"), ("SOFTCUDA_NVRTC_NEWEST_ARCH", "90")]);
        AssertContains(doctor, "device   cuda:0", "kernels are PTX of compute_90");
    }

    [Test]
    public void Cache_ThatKeepsNothing_SaysWhy()
    {
        using (var doctor = Doctor([("CUDABN_CACHE", "off")]))
            AssertContains(doctor, "device   cuda:0", "are compiled at every start: CUDABN_CACHE=off");
        File.WriteAllText(_folder["file"], "in the way");
        using (var doctor = Doctor([("CUDABN_CACHE", _folder["file/cache"])]))
            AssertContains(doctor, "device   cuda:0", $"are compiled at every start: {_folder["file/cache"]}: ");
    }

    private static void AssertContains(CudabnProcess process, params string[] texts)
    {
        Assert.That(process.Error, Is.Empty);
        Assert.That(process.ExitCode, Is.Zero);
        foreach (var text in texts)
            Assert.That(process.Output, Does.Contain(text));
    }

    private string Link(string library)
    {
        var folder = Directory.CreateDirectory(_folder["linked"]).FullName;
        File.CreateSymbolicLink(Path.Combine(folder, library), Path.Combine(_libraries, library));
        return folder;
    }

    private CudabnProcess Doctor((string Name, string Value)[] environment) => Command(environment, "doctor");

    private CudabnProcess Command((string Name, string Value)[] environment, params string[] arguments)
    {
        var variables = new Dictionary<string, string?>
        {
            ["CUDABN_CUDA_PATH"] = _libraries,
            ["CUDA_VISIBLE_DEVICES"] = null,
        };
        foreach (var (name, value) in environment)
            variables[name] = value;
        return CudabnProcess.RunWith(_folder[""], variables, arguments);
    }
}
