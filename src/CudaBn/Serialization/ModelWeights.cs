using System.Collections.Immutable;
using System.Reflection;
using System.Runtime.InteropServices;
using CudaBn.Serialization;

namespace CudaBn;

/// <summary>Saves what a model has learnt, its parameters and running statistics, as a safetensors file, and reads it
/// back. Names, shapes and element types are PyTorch's, so that either side reads the other's files.</summary>
public static class ModelWeights
{
    /// <summary>The metadata key under which <see cref="Save"/> notes the version of this library.</summary>
    public const string VersionKey = "cudabn_version";

    /// <summary>Writes the state of a model. The file appears whole or not at all.</summary>
    /// <param name="model">An initialized model.</param>
    /// <param name="path">The file; its folder must exist. An older file of that name is replaced.</param>
    /// <param name="metadata">Free-form texts kept in the file; null for none. The library's version is added.</param>
    /// <exception cref="InvalidOperationException">The model is not initialized.</exception>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public static void Save(Layer model, string path, IReadOnlyDictionary<string, string>? metadata = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(path);
        var texts = new Dictionary<string, string>(metadata ?? ImmutableDictionary<string, string>.Empty);
        texts.TryAdd(VersionKey, LibraryVersion);
        SafeTensorsWriter.Write(
            path,
            model.State.Select(state => new SafeTensorsSource(
                state.Name,
                FileType(state.Tensor.DType),
                FileShape(state.Tensor),
                stream => stream.Write(ReadTensor(state.Tensor)))),
            texts);
    }

    /// <summary>Replaces the state of a model by that of a file. Nothing changes unless all of it can be
    /// replaced.</summary>
    /// <param name="model">An initialized model.</param>
    /// <param name="path">A safetensors file with exactly the tensors of <see cref="Layer.State"/>. Float32 is widened
    /// for a Float64 model, for that is exact; Float64 is refused for a Float32 model, for that would round.</param>
    /// <returns>The free-form texts kept in the file.</returns>
    /// <exception cref="InvalidDataException">The file is broken, or is not of this model: the message lists every
    /// tensor that is missing, unexpected, or of another shape or type.</exception>
    /// <exception cref="InvalidOperationException">The model is not initialized.</exception>
    /// <exception cref="IOException">The file does not exist or cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">The file may not be read, or is a folder.</exception>
    public static IReadOnlyDictionary<string, string> Load(Layer model, string path)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(path);
        var state = model.State;
        using var reader = new SafeTensorsReader(path);
        var faults = Faults(state, reader);
        if (faults.Count > 0)
            throw new InvalidDataException($"{path}: not the weights of this model: {string.Join("; ", faults)}.");

        // All payloads before the first assignment: the file may break off while it is read.
        var payloads = state.Select(expected => ReadPayload(expected, reader)).ToArray();
        for (var i = 0; i < payloads.Length; i++)
            WriteTensor(payloads[i], state[i].Tensor);
        return reader.Metadata;
    }

    internal static string LibraryVersion => typeof(ModelWeights).Assembly
        .GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0];

    internal static string FileType(DType dtype) => dtype switch
    {
        DType.Float32 => "F32",
        DType.Float64 => "F64",
        DType.UInt8 => "U8",
        DType.Int32 => "I32",
        DType.Int64 => "I64",
        _ => throw new ArgumentOutOfRangeException(nameof(dtype), dtype, "This is no element type."),
    };

    // A count of batches is a scalar in PyTorch.
    internal static ImmutableArray<long> FileShape(Tensor tensor) =>
        IsCount(tensor) ? [] : [.. tensor.Shape.Sizes.ToArray().Select(size => (long)size)];

    private static bool IsCount(Tensor tensor) => tensor is { DType: DType.Int64, ElementCount: 1 };

    private static List<string> Faults(IReadOnlyList<NamedTensor> state, SafeTensorsReader reader)
    {
        var faults = new List<string>();
        foreach (var (name, tensor) in state)
        {
            if (!reader.TryGetEntry(name, out var entry))
            {
                faults.Add($"{name} is missing");
                continue;
            }

            var shape = FileShape(tensor);
            if (!entry.Shape.SequenceEqual(shape) && !(IsCount(tensor) && entry.Shape is [1]))
                faults.Add($"{name} is [{string.Join(", ", entry.Shape)}], expected [{string.Join(", ", shape)}]");
            if (entry.DType != FileType(tensor.DType) && !IsWidened(entry, tensor))
                faults.Add($"{name} is {entry.DType}, expected {FileType(tensor.DType)}");
        }

        var known = state.Select(expected => expected.Name).ToHashSet(StringComparer.Ordinal);
        faults.AddRange(reader.Entries.Where(entry => !known.Contains(entry.Name))
            .Select(entry => $"{entry.Name} is unexpected"));
        return faults;
    }

    private static bool IsWidened(SafeTensorsEntry entry, Tensor tensor) =>
        entry.DType == "F32" && tensor.DType == DType.Float64;

    private static byte[] ReadPayload(NamedTensor expected, SafeTensorsReader reader)
    {
        reader.TryGetEntry(expected.Name, out var entry);
        var payload = new byte[entry!.Length];
        reader.Read(entry, payload);
        if (!IsWidened(entry, expected.Tensor))
            return payload;

        var narrow = MemoryMarshal.Cast<byte, float>(payload.AsSpan());
        var wide = new byte[expected.Tensor.ByteLength];
        var values = MemoryMarshal.Cast<byte, double>(wide.AsSpan());
        for (var i = 0; i < values.Length; i++)
            values[i] = narrow[i];
        return wide;
    }

    internal static unsafe byte[] ReadTensor(Tensor tensor)
    {
        var bytes = new byte[tensor.ByteLength];
        fixed (byte* destination = bytes)
            tensor.Device.Backend.CopyToHost(tensor, (nint)destination);
        return bytes;
    }

    internal static unsafe void WriteTensor(byte[] bytes, Tensor tensor)
    {
        fixed (byte* source = bytes)
            tensor.Device.Backend.CopyFromHost((nint)source, tensor);
    }
}
