using System.Reflection;
using ScottPlot;
using SkiaSharp;

namespace CudaBn.Cli;

/// <summary>The letters of all pictures: embedded, so that they are there on a machine without fonts, and so that
/// pictures look the same everywhere.</summary>
internal sealed class Typefaces : IFontResolver
{
    public const string Name = "DejaVu Sans";

    private static readonly Lazy<SKTypeface> _regular = new(() => Load("DejaVuSans.ttf"));
    private static readonly Lazy<SKTypeface> _bold = new(() => Load("DejaVuSans-Bold.ttf"));
    private static readonly Lazy<bool> _registration = new(Register);

    public static SKTypeface Regular => _regular.Value;

    public static SKTypeface Bold => _bold.Value;

    /// <summary>Has plots draw all their text with these letters.</summary>
    public static void UseInPlots() => _ = _registration.Value;

    public SKTypeface? CreateTypeface(string fontName, FontWeight weight, FontSlant slant, FontSpacing spacing) =>
        weight >= FontWeight.SemiBold ? Bold : Regular;

    public SKTypeface? CreateTypeface(string fontName, bool bold, bool italic) => bold ? Bold : Regular;

    private static bool Register()
    {
        Fonts.FontResolvers.Insert(0, new Typefaces());
        Fonts.Default = Name;
        return true;
    }

    private static SKTypeface Load(string name)
    {
        using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream(name)!;
        return SKTypeface.FromStream(stream);
    }
}
