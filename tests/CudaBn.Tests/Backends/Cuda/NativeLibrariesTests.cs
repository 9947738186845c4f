using CudaBn.Backends.Cuda.Native;
using CudaBn.Tests.Serialization;
using NUnit.Framework;

namespace CudaBn.Tests.Backends.Cuda;

public class NativeLibrariesTests
{
    [TestCase(NativeLibraries.Driver, false, false, "libcuda.so.1")]
    [TestCase(NativeLibraries.Driver, true, false, "nvcuda.dll")]
    [TestCase(NativeLibraries.Nvrtc, false, false, "libnvrtc.so.13 libnvrtc.so.12")]
    [TestCase(NativeLibraries.Nvrtc, false, true, "libnvrtc.so.12 libnvrtc.so.13")]
    [TestCase(NativeLibraries.Nvrtc, true, false, "nvrtc64_130_0.dll nvrtc64_120_0.dll")]
    [TestCase(NativeLibraries.Cublas, false, false, "libcublas.so.13 libcublas.so.12")]
    [TestCase(NativeLibraries.Cublas, true, true, "cublas64_12.dll cublas64_13.dll")]
    public void FileNames_AreThoseOfCuda13Then12_UnlessTheDriverIsOlder(
        string library, bool isWindows, bool isCuda12, string expected) =>
        Assert.That(
            string.Join(' ', NativeLibraries.FileNames(library, isWindows, isCuda12)), Is.EqualTo(expected));

    [Test]
    public void Candidates_OnLinux_AreTriedInTheDocumentedOrder()
    {
        var separator = Path.PathSeparator;
        var environment = new Dictionary<string, string?>
        {
            ["CUDABN_CUDA_PATH"] = $"/chosen{separator}/chosen too",
            ["CUDA_PATH"] = "/path",
            ["CUDA_HOME"] = "/home",
        };

        var candidates = NativeLibraries.Candidates(
            ["n.13", "n.12"], isWindows: false, environment.GetValueOrDefault, ["/app"], ["/usr/local/cuda-13"]);

        Assert.That(candidates, Is.EqualTo(new[]
        {
            "/chosen/n.13", "/chosen/n.12", "/chosen too/n.13", "/chosen too/n.12", "/app/n.13", "/app/n.12",
            "/path/lib64/n.13", "/path/lib64/n.12", "/home/lib64/n.13", "/home/lib64/n.12", "n.13", "n.12",
            "/usr/local/cuda-13/lib64/n.13", "/usr/local/cuda-13/lib64/n.12",
        }));
    }

    [Test]
    public void Candidates_OnWindows_LookIntoBothFoldersOfAToolkit()
    {
        var candidates = NativeLibraries.Candidates(
            ["n.dll"], isWindows: true, name => name == "CUDA_PATH" ? "/path" : null, [], []);

        Assert.That(candidates, Is.EqualTo(new[]
        {
            Path.Combine("/path", "bin", "n.dll"), Path.Combine("/path", "bin", "x64", "n.dll"), "n.dll",
        }));
    }

    [Test]
    public void ToolkitOrder_ComparesVersionsAsNumbers()
    {
        string[] folders = ["/l/cuda-9", "/l/cuda-12.10", "/l/cuda-12.9", "/l/cuda", "/l/cuda-13", "/l/cuda-x"];
        Assert.That(folders.OrderDescending(ToolkitOrder.Instance), Is.EqualTo(new[]
        {
            "/l/cuda", "/l/cuda-13", "/l/cuda-12.10", "/l/cuda-12.9", "/l/cuda-9", "/l/cuda-x",
        }));
    }

    [Test]
    public void LibrarySearch_SaysOfEveryPlaceWhatCameOfIt()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["broken.so"], "no library at all");

        var search = LibrarySearch.In([folder["missing.so"], folder["broken.so"], "libcudabn-nowhere.so"]);

        Assert.That(search.IsFound, Is.False);
        Assert.That(search.Path, Is.Null);
        Assert.That(search.Attempts.Select(attempt => attempt.Path), Is.EqualTo(new[]
        {
            folder["missing.so"], folder["broken.so"], "libcudabn-nowhere.so",
        }));
        Assert.That(search.Attempts[0].Outcome, Is.EqualTo("no such file"));
        Assert.That(search.Attempts[1].Outcome, Is.Not.Empty.And.Not.Contains("\n").And.Not.EqualTo("loaded"));
        Assert.That(search.Attempts[2].Outcome, Is.EqualTo("not on the loader's path"));
        Assert.That(search.Fault, Does.StartWith($"{folder["broken.so"]} does not load: "));
    }

    [Test]
    public void LibrarySearch_EndsAtTheFirstThatLoads()
    {
        if (!OperatingSystem.IsLinux())
            Assert.Ignore("The C library has this name on Linux only.");

        var search = LibrarySearch.In(["/nowhere/libc.so.6", "libc.so.6", "/nowhere/libc.so.7"]);

        Assert.That(search.Path, Is.EqualTo("libc.so.6"));
        Assert.That(search.Attempts, Has.Count.EqualTo(2));
        Assert.That(search.FirstMissing(["malloc", "free"]), Is.Null);
        Assert.That(search.FirstMissing(["malloc", "cudabn_nothing", "free"]), Is.EqualTo("cudabn_nothing"));
    }
}
