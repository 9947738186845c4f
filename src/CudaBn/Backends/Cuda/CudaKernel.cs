using CudaBn.Backends.Cuda.Native;

namespace CudaBn.Backends.Cuda;

/// <summary>A kernel of a loaded module, with the sizes of its parameters where the driver tells them.</summary>
internal sealed unsafe class CudaKernel
{
    private static readonly Lazy<bool> _tellsParameters = new(() =>
        NativeLibraries.Find(NativeLibraries.Driver).Has([nameof(Driver.cuFuncGetParamInfo)]));

    private readonly string _file;
    private readonly FunctionHandle _function;
    private readonly int[]? _parameterSizes;

    public CudaKernel(string file, string name, FunctionHandle function)
    {
        _file = file;
        Name = name;
        _function = function;
        _parameterSizes = ReadParameterSizes(function);
    }

    public string Name { get; }

    /// <summary>Queues the kernel.</summary>
    /// <exception cref="ArgumentException">The arguments differ in number or size from the parameters.</exception>
    public void Launch(
        StreamHandle stream, Dim3 grid, Dim3 block, ReadOnlySpan<KernelArgument> arguments, int sharedBytes)
    {
        RequireFit(arguments);
        var slots = stackalloc ulong[arguments.Length];
        var places = stackalloc void*[arguments.Length];
        for (var i = 0; i < arguments.Length; i++)
            places[i] = arguments[i].Place(slots + i);
        var result = Driver.cuLaunchKernel(
            _function, (uint)grid.X, (uint)grid.Y, (uint)grid.Z, (uint)block.X, (uint)block.Y, (uint)block.Z,
            (uint)sharedBytes, stream, places, null);
        if (result != CudaResult.Success)
            throw CudaCheck.Failure(result, $"cuLaunchKernel of {Name}");
    }

    private static int[]? ReadParameterSizes(FunctionHandle function)
    {
        // A driver before CUDA 12.4 does not tell.
        if (!_tellsParameters.Value)
            return null;
        var sizes = new List<int>();
        while (true)
        {
            nuint offset, size;
            var result = Driver.cuFuncGetParamInfo(function, (nuint)sizes.Count, &offset, &size);
            // That there is no such parameter is an invalid value.
            if (result != CudaResult.Success)
                return result == CudaResult.InvalidValue ? [.. sizes] : null;
            sizes.Add((int)size);
        }
    }

    private void RequireFit(ReadOnlySpan<KernelArgument> arguments)
    {
        if (_parameterSizes is null)
            return;
        if (arguments.Length != _parameterSizes.Length)
            throw new ArgumentException(
                $"{Name} of {_file} has {_parameterSizes.Length} parameters, and was given {arguments.Length}.");
        for (var i = 0; i < arguments.Length; i++)
        {
            if (arguments[i].Size != _parameterSizes[i])
                throw new ArgumentException(
                    $"Parameter {i} of {Name} of {_file} has {_parameterSizes[i]} bytes, and was given "
                    + $"{arguments[i].Size}.");
        }
    }
}
