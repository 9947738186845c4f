using System.Text.Encodings.Web;

namespace CudaBn.Serialization;

/// <summary>What messages about broken files look like.</summary>
internal static class BrokenFile
{
    private const int LongestQuote = 80;

    /// <summary>An error that names the place, what was expected there and what was found.</summary>
    /// <param name="place">The file, and the part of it that offsets count from where that is not the file.</param>
    /// <param name="offset">Bytes from the start of the place.</param>
    /// <param name="expected">What the format asks for.</param>
    /// <param name="found">What there is instead.</param>
    /// <param name="inner">The cause, if another error told of it.</param>
    public static InvalidDataException At(
        string place, long offset, string expected, string found, Exception? inner = null) =>
        new($"{place}: byte {offset}: expected {expected}, found {found}", inner);

    /// <summary>Text from a file, escaped and cut short, so that a message stays one line.</summary>
    public static string Quote(string text) => $"\"{Escape(text)}\"";

    /// <summary>The same without quotation marks.</summary>
    public static string Escape(string text) => JavaScriptEncoder.UnsafeRelaxedJsonEscaping.Encode(
        text.Length <= LongestQuote ? text : string.Concat(text.AsSpan(0, LongestQuote), "..."));

    /// <summary>Sizes in brackets, of which no more than eight are written.</summary>
    public static string Quote(ReadOnlySpan<long> shape) =>
        shape.Length <= 8 ? $"[{string.Join(',', shape.ToArray())}]" : $"[{string.Join(',', shape[..8].ToArray())},...]";
}
