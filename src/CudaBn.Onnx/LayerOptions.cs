using System.Globalization;
using CudaBn.Onnx.Format;

namespace CudaBn.Onnx;

/// <summary>What layers are told that ONNX's operators have no place for, such as whether gamma is fixed: kept among the
/// metadata of a model, under <c>cudabn.layer.PATH.OPTION</c>, where a reader that does not know it passes over it.</summary>
internal sealed class LayerOptions
{
    /// <summary>Whether an average pooling is one to a size.</summary>
    public const string Adaptive = "adaptive";

    private const string Prefix = "cudabn.layer.";

    private readonly Dictionary<string, string> _texts = [];

    public static LayerOptions Of(ModelProto model)
    {
        var options = new LayerOptions();
        foreach (var (key, value) in model.Metadata)
        {
            if (key.StartsWith(Prefix, StringComparison.Ordinal))
                options._texts[key] = value;
        }

        return options;
    }

    public IEnumerable<StringStringEntryProto> Entries =>
        _texts.OrderBy(pair => pair.Key, StringComparer.Ordinal)
            .Select(pair => new StringStringEntryProto(pair.Key, pair.Value));

    public void Set(string path, string option, IFormattable value) =>
        _texts[Key(path, option)] = value.ToString(null, CultureInfo.InvariantCulture);

    public void Set(string path, string option) => _texts[Key(path, option)] = "true";

    public bool Has(string path, string option) => _texts.ContainsKey(Key(path, option));

    /// <summary>A number that was set; null where none was, or where the text is no number.</summary>
    public double? Number(string path, string option) =>
        _texts.TryGetValue(Key(path, option), out var text)
        && double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value)
            ? value
            : null;

    /// <summary>A whole number that was set; null where none was, or where the text is none.</summary>
    public long? WholeNumber(string path, string option) =>
        _texts.TryGetValue(Key(path, option), out var text)
        && long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var value)
            ? value
            : null;

    private static string Key(string path, string option) => $"{Prefix}{path}.{option}";
}
