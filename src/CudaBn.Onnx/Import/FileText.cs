namespace CudaBn.Onnx.Import;

/// <summary>Texts of a file as messages show them: in one line, and not longer than that.</summary>
internal static class FileText
{
    private const int Longest = 80;

    public static string Quoted(string text)
    {
        var shown = text.Length <= Longest ? text : $"{text[..Longest]}...";
        return $"'{string.Concat(shown.Select(c => char.IsControl(c) || c is '\u2028' or '\u2029' ? '?' : c))}'";
    }
}
