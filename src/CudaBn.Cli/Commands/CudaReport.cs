using CudaBn.Backends.Cuda;
using CudaBn.Backends.Cuda.Native;

namespace CudaBn.Cli;

/// <summary>What <c>cudabn doctor</c> says of CUDA: where each library was looked for, versions, GPUs, and how to mend
/// what is missing.</summary>
internal static class CudaReport
{
    public static void Write()
    {
        var diagnosis = CudaDiagnosis.OfThisMachine;
        WriteLibrary("driver", NativeLibraries.Driver, Of("supports CUDA", diagnosis.DriverVersion));
        WriteLibrary("NVRTC", NativeLibraries.Nvrtc, Of("version", diagnosis.NvrtcVersion));
        WriteLibrary("cuBLAS", NativeLibraries.Cublas, null);
        Terminal.WriteField("kernels", KernelCache());
        foreach (var gpu in diagnosis.Devices)
            Terminal.WriteField(
                Text.Of($"cuda:{gpu.Index}"),
                Text.Of($"{gpu.Name}, compute capability {gpu.Capability}, {gpu.MemoryBytes / 1e9:F1} GB"));
        if (diagnosis.Problem is { } problem)
            Terminal.WriteField("to mend", $"{problem.What}: {problem.Remedy}");
    }

    private static string KernelCache()
    {
        var cache = CubinCache.OfThisProcess();
        if (cache.Folder is null)
            return $"compiled kernels are not kept: {cache.Problem}";
        var files = new DirectoryInfo(cache.Folder).GetFiles("*.cubin");
        return Text.Of($"{cache.Folder}: {files.Length} compiled, {files.Sum(file => file.Length) / 1e6:F1} MB");
    }

    private static string? Of(string what, Version? version) => version is null ? null : $"{what} {version}";

    private static void WriteLibrary(string name, string library, string? version)
    {
        var search = NativeLibraries.Find(library);
        foreach (var attempt in search.Attempts)
            Terminal.WriteField(name, attempt.ToString());
        if (version is not null)
            Terminal.WriteField(name, version);
        if (!search.IsFound && library == NativeLibraries.Cublas)
            Terminal.WriteField(name, "not found: dense layers run on CudaBn's own kernel");
    }
}
