using CudaBn.Backends.Cuda;
using CudaBn.Backends.Cuda.Native;

namespace CudaBn.Cli;

/// <summary>What <c>cudabn doctor</c> says of CUDA: where each library was looked for, versions, GPUs, and how to mend
/// what is missing.</summary>
internal static class CudaReport
{
    /// <param name="device">The device that would be used.</param>
    public static void Write(Device device)
    {
        var diagnosis = CudaDiagnosis.OfThisMachine;
        WriteLibrary("driver", NativeLibraries.Driver, Of("supports CUDA", diagnosis.DriverVersion));
        WriteLibrary("NVRTC", NativeLibraries.Nvrtc, Of("version", diagnosis.NvrtcVersion));
        WriteLibrary("cuBLAS", NativeLibraries.Cublas, null);
        if (device.Backend is CudaBackend cuda)
            WriteBlas(cuda);
        foreach (var gpu in diagnosis.Devices)
            WriteDevice(diagnosis, gpu);
        WriteKernels(CubinCache.OfThisProcess());
        if (diagnosis.ProblemOf(0) is { } problem)
            Terminal.WriteField("to mend", $"{problem.What}: {problem.Remedy}");
    }

    private static string? Of(string what, Version? version) => version is null ? null : $"{what} {version}";

    private static void WriteBlas(CudaBackend backend) => Terminal.WriteField(
        "cuBLAS", Of("version", backend.CublasVersion) ?? $"{backend.WhyNoBlas}: dense layers run on CudaBn's own kernel");

    private static void WriteDevice(CudaDiagnosis diagnosis, CudaDeviceInfo gpu)
    {
        var name = Text.Of($"cuda:{gpu.Index}");
        Terminal.WriteField(
            name, Text.Of($"{gpu.Name}, compute capability {gpu.Capability}, {gpu.MemoryBytes / 1e9:F1} GB"));
        if (KernelCompiler.ArchitectureFor(gpu.Capability, diagnosis.Architectures) is ['c', ..] virtualArchitecture)
            Terminal.WriteField(
                name, $"newer than NVRTC {diagnosis.NvrtcVersion} knows: kernels are PTX of {virtualArchitecture}, which the "
                + "driver translates");
    }

    private static void WriteKernels(CubinCache cache)
    {
        if (cache.Folder is null)
        {
            Terminal.WriteField("kernels", $"are compiled at every start: {cache.Problem}");
            return;
        }

        var files = new DirectoryInfo(cache.Folder).GetFiles("*.cubin");
        Terminal.WriteField("kernels", Text.Of(
            $"{cache.Folder}: {files.Length} compiled, {files.Sum(file => file.Length) / 1e6:F1} MB"));
    }

    private static void WriteLibrary(string name, string library, string? version)
    {
        foreach (var attempt in NativeLibraries.Find(library).Attempts)
            Terminal.WriteField(name, attempt.ToString());
        if (version is not null)
            Terminal.WriteField(name, version);
    }
}
