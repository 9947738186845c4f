using CudaBn.Backends.Cuda;
using NUnit.Framework;

namespace CudaBn.Tests.Support;

/// <summary>The CUDA device that this process tests: the GPU of this machine, or the software device. The libraries of one
/// of them are loaded, and stay.</summary>
/// <remarks><c>CUDABN_REQUIRE_CUDA=1</c> asks for the GPU, <c>CUDABN_CUDA_PATH</c> for the software device in that folder.
/// With neither, a machine with an NVIDIA driver tests its GPU.</remarks>
internal static class CudaUnderTest
{
    private static readonly Lazy<string?> _obstacle = new(Prepare);

    /// <summary>Whether it is a GPU.</summary>
    public static bool IsGpu { get; } = IsSet("CUDABN_REQUIRE_CUDA") || (ChosenFolder is null && HasGpu());

    /// <summary>How names of tests show it, and what filters of tests look for.</summary>
    public static string Name => IsGpu ? "Gpu" : "SoftCuda";

    /// <summary>Why tests of it cannot run; null if they can. Where the environment requires the device, its absence is a
    /// failure instead.</summary>
    /// <exception cref="InvalidOperationException">The device is required, and is not to be had.</exception>
    public static string? Obstacle => _obstacle.Value is not { } obstacle ? null
        : IsSet("CUDABN_REQUIRE_CUDA") ? throw new InvalidOperationException($"CUDABN_REQUIRE_CUDA is 1, but {obstacle}")
        : IsSet("CUDABN_REQUIRE_SOFTCUDA")
            ? throw new InvalidOperationException($"CUDABN_REQUIRE_SOFTCUDA is 1, but {obstacle}")
        : obstacle;

    private static string? ChosenFolder => Environment.GetEnvironmentVariable("CUDABN_CUDA_PATH");

    /// <summary>The device, one for all tests, so that kernels are compiled and loaded once. Ignores the test where there is
    /// none.</summary>
    public static Device Open()
    {
        if (Obstacle is { } obstacle)
            Assert.Ignore(obstacle);
        return Device.Cuda();
    }

    /// <summary>The device in a sentence. Throws nothing, so that tests of other devices run whatever this one is.</summary>
    public static string Describe()
    {
        try
        {
            return Obstacle is { } obstacle ? $"No CUDA device is tested: {obstacle}."
                : $"The CUDA device under test is {Device.Cuda().Description}.";
        }
        catch (Exception e) when (e is InvalidOperationException or CudaException)
        {
            return $"Tests of the CUDA device will fail: {e.Message}";
        }
    }

    private static string? Prepare()
    {
        if (!IsGpu && ChosenFolder is null)
        {
            if (SoftCuda.Folder(out var obstacle) is not { } folder)
                return obstacle;
            Environment.SetEnvironmentVariable("CUDABN_CUDA_PATH", folder);
        }

        // The software device keeps what it has compiled itself; its images are of no use to the GPUs of this user.
        if (!IsGpu && Environment.GetEnvironmentVariable("CUDABN_CACHE") is null)
        {
            Environment.SetEnvironmentVariable("CUDABN_CACHE", "off");
        }

        return CudaDiagnosis.OfThisMachine.Problem is { } problem ? $"{problem.What}: {problem.Remedy}" : null;
    }

    private static bool IsSet(string variable) => Environment.GetEnvironmentVariable(variable) == "1";

    // Without a call into the driver: its library, once loaded, would stand in the way of the software device.
    private static bool HasGpu() => OperatingSystem.IsWindows()
        ? File.Exists(Path.Combine(Environment.SystemDirectory, "nvcuda.dll"))
        : File.Exists("/dev/nvidiactl") || File.Exists("/dev/dxg");
}
