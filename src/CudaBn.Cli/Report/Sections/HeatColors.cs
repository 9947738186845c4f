using SkiaSharp;

namespace CudaBn.Cli;

/// <summary>The colors of heat maps: of middling lightness, with opacity for the value, so that they stand out from white and
/// from black paper, and told apart with any kind of color vision. The style sheet has the same for their scales.</summary>
internal static class HeatColors
{
    private const int Levels = 63;

    // What is least in a picture without a sign is still to be seen.
    private const double LeastOpacity = 0.08;

    private static readonly SKColor _below = new(0x2f, 0x80, 0xc8);
    private static readonly SKColor _above = new(0xd9, 0x66, 0x1f);
    private static readonly SKColor _positive = new(0x1b, 0x9e, 0x77);
    private static readonly SKColor _noNumber = new(0x80, 0x80, 0x80);

    /// <summary>A picture of shares from -1 to 1; what is no finite number is grey.</summary>
    /// <param name="shares">[rows, columns].</param>
    /// <param name="columns">Its width.</param>
    public static string Signed(double[] shares, int columns) => Picture(
        shares, columns, share => Opaque(share < 0 ? _below : _above, Math.Abs(share)));

    /// <summary>A picture of shares from 0 to 1, likewise; 0 is still seen.</summary>
    public static string Positive(double[] shares, int columns) => Picture(
        shares, columns, share => Opaque(_positive, LeastOpacity + ((1 - LeastOpacity) * share)));

    /// <summary>A picture of shares from 0 to 1; 0 is not seen.</summary>
    public static string Shares(double[] shares, int columns) =>
        Picture(shares, columns, share => Opaque(_positive, share));

    private static string Picture(double[] shares, int columns, Func<double, SKColor> color) => InlinePicture.Of(
        columns, shares.Length / columns,
        Array.ConvertAll(shares, share => double.IsFinite(share) ? color(share) : _noNumber));

    // In few levels, which are packed better.
    private static SKColor Opaque(SKColor color, double opacity) =>
        color.WithAlpha((byte)Math.Round(255 * Math.Round(Levels * opacity) / Levels));
}
