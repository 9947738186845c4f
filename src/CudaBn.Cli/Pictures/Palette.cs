namespace CudaBn.Cli;

/// <summary>Colors that people with any kind of color vision can tell apart (blue and red of Paul Tol's "vibrant"
/// scheme; SRON technical note EPS/TN/09-002). Hexadecimal RGB.</summary>
internal static class Palette
{
    public const string Blue = "#0077BB";
    public const string Red = "#CC3311";
    public const string Ink = "#222222";
    public const string Faint = "#6B6B6B";
    public const string Grid = "#E4E4E4";
}
