using CudaBn.Onnx.Format;

namespace CudaBn.Onnx;

/// <summary>What an ONNX file may say besides the model. <c>with</c> and initializers set it:
/// <c>new OnnxExportOptions { ClassNames = names }</c>.</summary>
public sealed record OnnxExportOptions
{
    /// <summary>The key of the metadata entry that holds <see cref="ClassNames"/>, one a line.</summary>
    public const string ClassNamesKey = "class_names";

    /// <summary>What the input is called.</summary>
    /// <exception cref="ArgumentException">It is empty.</exception>
    public string InputName
    {
        get;
        init => field = Checked(value, nameof(InputName));
    } = "input";

    /// <summary>What the output is called.</summary>
    /// <exception cref="ArgumentException">It is empty.</exception>
    public string OutputName
    {
        get;
        init => field = Checked(value, nameof(OutputName));
    } = "output";

    /// <summary>What the graph is called.</summary>
    /// <exception cref="ArgumentException">It is empty.</exception>
    public string GraphName
    {
        get;
        init => field = Checked(value, nameof(GraphName));
    } = "model";

    /// <summary>The normalization that the model was trained with. The file then begins with it, and takes pixels / 255 as
    /// they are; null for a file that takes what the model takes.</summary>
    public Normalization? Normalization { get; init; }

    /// <summary>The names of the classes, in the order of the outputs; null for none.</summary>
    /// <exception cref="ArgumentException">A name holds a line break.</exception>
    public IReadOnlyList<string>? ClassNames
    {
        get;
        init => field = value?.FirstOrDefault(name => name.AsSpan().ContainsAny('\n', '\r')) is { } broken
            ? throw new ArgumentException($"Class name '{broken.ReplaceLineEndings(" ")}' holds a line break.", nameof(ClassNames))
            : value;
    }

    /// <summary>Free-form texts that are kept in the file; null for none.</summary>
    public IReadOnlyDictionary<string, string>? Metadata { get; init; }

    internal IEnumerable<StringStringEntryProto> Entries()
    {
        var texts = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var (key, value) in Metadata ?? new Dictionary<string, string>())
            texts[key] = value;
        if (ClassNames is not null)
            texts[ClassNamesKey] = string.Join('\n', ClassNames);
        return texts.Select(pair => new StringStringEntryProto(pair.Key, pair.Value));
    }

    private static string Checked(string name, string parameter) => string.IsNullOrEmpty(name)
        ? throw new ArgumentException($"{parameter} must not be empty.", parameter)
        : name;
}
