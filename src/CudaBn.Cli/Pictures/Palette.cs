namespace CudaBn.Cli;

/// <summary>Colors that people with any kind of color vision can tell apart: Okabe and Ito, "Color Universal Design",
/// 2008. Hexadecimal RGB.</summary>
internal static class Palette
{
    public const string Blue = "#0072B2";
    public const string Orange = "#E69F00";
    public const string Vermilion = "#D55E00";
    public const string Ink = "#222222";
    public const string Faint = "#6B6B6B";
    public const string Grid = "#E4E4E4";
}
