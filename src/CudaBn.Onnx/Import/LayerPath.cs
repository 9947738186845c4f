namespace CudaBn.Onnx.Import;

/// <summary>The names that lead to a layer.</summary>
internal static class LayerPath
{
    // Containers are initialized and disposed recursively.
    private const int Deepest = 32;

    private static readonly string[] _tensors = ["weight", "bias", "running_mean", "running_var"];

    /// <summary>The path of a layer by its dotted name; null where that is none.</summary>
    public static string[]? Of(string name)
    {
        var parts = name.Split('.', Deepest + 1);
        return parts.Length <= Deepest && parts.All(part => part.Length > 0) ? parts : null;
    }

    /// <summary>The path of a layer by the first of its tensors whose name says it, as in layer1.0.conv1.weight.</summary>
    public static string[]? OfTensors(IEnumerable<string> names)
    {
        foreach (var name in names)
        {
            var dot = name.LastIndexOf('.');
            if (dot > 0 && _tensors.Contains(name[(dot + 1)..]) && Of(name[..dot]) is { } path)
                return path;
        }

        return null;
    }

    /// <summary>The containers that all of some layers are in; null where there is none.</summary>
    public static string[]? Common(IEnumerable<string[]> paths)
    {
        string[]? common = null;
        foreach (var path in paths)
        {
            var containers = path[..^1];
            common = common is null
                ? containers
                : [.. common.Zip(containers).TakeWhile(pair => pair.First == pair.Second).Select(pair => pair.First)];
        }

        return common is { Length: > 0 } ? common : null;
    }
}
