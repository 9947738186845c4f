using System.Collections.Immutable;
using System.Reflection;

namespace CudaBn.Serialization;

/// <summary>What a model has learnt, its parameters and running statistics, in a file: behind <see cref="Layer.Save"/> and
/// <see cref="Layer.Load"/>.</summary>
internal static class SavedState
{
    /// <summary>The metadata key under which the version of this library is noted.</summary>
    public const string VersionKey = "cudabn_version";

    public static void Save(Layer model, string path, IReadOnlyDictionary<string, string>? metadata)
    {
        var texts = new Dictionary<string, string>(metadata ?? ImmutableDictionary<string, string>.Empty);
        texts.TryAdd(VersionKey, WriterVersion);
        TensorFile.Write(
            path,
            model.State.Select(state => new TensorSource(
                state.Name,
                FileType(state.Tensor.DType),
                FileShape(state.Tensor),
                stream => stream.Write(ReadTensor(state.Tensor)))),
            texts);
    }

    public static LoadedWeights Load(Layer model, string path, bool strict)
    {
        var state = model.State;
        using var file = OpenWeights(path);
        var entries = file.Tensors.ToDictionary(entry => entry.Name, StringComparer.Ordinal);
        var (fitting, loaded) = Compare(state, entries, file);
        if (strict && !loaded.IsComplete)
            throw new InvalidDataException($"{path}: not the weights of this model: {loaded}");
        if (fitting.Count == 0 && !loaded.IsComplete)
            throw new InvalidDataException($"{path}: holds nothing that fits this model: {loaded}");

        // All payloads before the first assignment: the file may turn out to be broken while it is read.
        var payloads = fitting.ConvertAll(tensor => ReadPayload(tensor.Tensor, entries[tensor.Name], file));
        foreach (var (tensor, payload) in fitting.Zip(payloads))
            WriteTensor(payload, tensor.Tensor);
        return loaded;
    }

    /// <summary>This library's version, as files note it.</summary>
    public static string WriterVersion => typeof(SavedState).Assembly
        .GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0];

    /// <summary>What files call an element type.</summary>
    public static string FileType(DType dtype) => dtype switch
    {
        DType.Float32 => "F32",
        DType.Float64 => "F64",
        DType.UInt8 => "U8",
        DType.Int32 => "I32",
        DType.Int64 => "I64",
        _ => throw new ArgumentOutOfRangeException(nameof(dtype), dtype, "This is no element type."),
    };

    /// <summary>The shape of a tensor in files: a count of batches is a scalar in PyTorch.</summary>
    public static ImmutableArray<long> FileShape(Tensor tensor) =>
        IsCount(tensor) ? [] : [.. tensor.Shape.Sizes.ToArray().Select(size => (long)size)];

    /// <summary>The elements of a tensor as files hold them.</summary>
    public static unsafe byte[] ReadTensor(Tensor tensor)
    {
        var bytes = new byte[tensor.ByteLength];
        fixed (byte* destination = bytes)
            tensor.Device.Backend.CopyToHost(tensor, (nint)destination);
        return bytes;
    }

    /// <summary>Overwrites the elements of a tensor with those of a file.</summary>
    public static unsafe void WriteTensor(byte[] bytes, Tensor tensor)
    {
        fixed (byte* source = bytes)
            tensor.Device.Backend.CopyFromHost((nint)source, tensor);
    }

    private static ITensorFile OpenWeights(string path)
    {
        var file = TensorFile.Open(path);
        if (!CheckpointWeights.IsCheckpoint(file))
            return file;
        file.Dispose();
        return new CheckpointWeights(path);
    }

    private static (List<NamedTensor> Fitting, LoadedWeights Loaded) Compare(
        IReadOnlyList<NamedTensor> state, Dictionary<string, TensorEntry> entries, ITensorFile file)
    {
        var fitting = new List<NamedTensor>();
        var missing = new List<string>();
        var misshapen = new List<WeightMismatch>();
        var mistyped = new List<WeightMismatch>();
        foreach (var named in state)
        {
            var (name, tensor) = named;
            if (!entries.TryGetValue(name, out var entry))
            {
                missing.Add(name);
                continue;
            }

            var hasShape = HasShape(entry, tensor);
            var hasType = entry.DType == FileType(tensor.DType) || WidenedElements.IsExact(entry.DType, tensor.DType);
            if (!hasShape)
                misshapen.Add(new WeightMismatch(name, Text(entry.Shape), Text(FileShape(tensor))));
            if (!hasType)
                mistyped.Add(new WeightMismatch(name, entry.DType, FileType(tensor.DType)));
            if (hasShape && hasType)
                fitting.Add(named);
        }

        var known = state.Select(expected => expected.Name).ToHashSet(StringComparer.Ordinal);
        var unexpected = file.Tensors.Select(entry => entry.Name).Where(name => !known.Contains(name));
        return (fitting, new LoadedWeights(file.Metadata, missing, [.. unexpected], misshapen, mistyped));
    }

    private static bool IsCount(Tensor tensor) => tensor is { DType: DType.Int64, ElementCount: 1 };

    private static bool HasShape(TensorEntry entry, Tensor tensor) =>
        entry.Shape.SequenceEqual(FileShape(tensor)) || (IsCount(tensor) && entry.Shape is [1]);

    private static string Text(ImmutableArray<long> shape) => $"[{string.Join(", ", shape)}]";

    private static byte[] ReadPayload(Tensor tensor, TensorEntry entry, ITensorFile file)
    {
        // No longer than the tensor, which is there already.
        var payload = new byte[entry.Length];
        using (var elements = file.OpenElements(entry))
            elements.ReadExactly(payload);
        return entry.DType == FileType(tensor.DType) ? payload : WidenedElements.Widen(payload, entry.DType, tensor.DType);
    }
}
