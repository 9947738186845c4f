using CudaBn.Backends.Cuda.Native;

namespace CudaBn.Backends.Cuda;

/// <summary>The kernels that a backend has loaded, compiled when first asked for.</summary>
internal sealed class KernelModules(CudaContext context, string architecture) : IDisposable
{
    private readonly List<Entry> _entries = [];

    /// <summary>A kernel. The context must be bound, and callers take turns.</summary>
    public CudaKernel Get(KernelFile file, string name, DType dtype, ReadOnlySpan<KernelConstant> constants)
    {
        foreach (var entry in _entries)
        {
            if (ReferenceEquals(entry.File, file) && entry.DType == dtype
                && constants.SequenceEqual(entry.Constants))
                return entry.Kernel(name);
        }

        var added = new Entry(file, dtype, constants.ToArray(), Load(file, dtype, constants));
        _entries.Add(added);
        return added.Kernel(name);
    }

    /// <summary>Compiles a file unless that was done before; loads nothing. Any thread may call, at any time.</summary>
    public byte[] Image(KernelFile file, DType dtype, ReadOnlySpan<KernelConstant> constants) =>
        KernelImages.OfThisProcess.Get(
            file.Name, KernelSources.Text(file.Name), KernelCompiler.Options(file, architecture, dtype, constants));

    private CudaModule Load(KernelFile file, DType dtype, ReadOnlySpan<KernelConstant> constants)
    {
        try
        {
            return new CudaModule(context, Image(file, dtype, constants));
        }
        catch (CudaException fault) when ((CudaResult)fault.Result
            is CudaResult.InvalidImage or CudaResult.InvalidPtx or CudaResult.NoBinaryForGpu)
        {
            // Whole, but made by a compiler that this driver does not go with, under the same version.
            var options = KernelCompiler.Options(file, architecture, dtype, constants);
            var image = KernelImages.OfThisProcess.Renew(file.Name, KernelSources.Text(file.Name), options);
            return new CudaModule(context, image);
        }
    }

    public void Dispose()
    {
        foreach (var entry in _entries)
            entry.Module.Dispose();
        _entries.Clear();
    }

    private sealed record Entry(KernelFile File, DType DType, KernelConstant[] Constants, CudaModule Module)
    {
        private readonly List<CudaKernel> _kernels = [];

        public CudaKernel Kernel(string name)
        {
            foreach (var kernel in _kernels)
            {
                if (kernel.Name == name)
                    return kernel;
            }

            var added = new CudaKernel(File.Name, name, Module.Function(name));
            _kernels.Add(added);
            return added;
        }
    }
}
