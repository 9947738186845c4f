using System.Globalization;

namespace CudaBn.Onnx;

/// <summary>Attributes of ONNX are numbers of 4 bytes where layers take doubles.</summary>
internal static class OnnxNumber
{
    /// <summary>The number that someone wrote who got this attribute: 1e-5 for the float next to it. Its digits are the
    /// fewest that give the float.</summary>
    public static double Written(float value) =>
        double.Parse(value.ToString("R", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);

    /// <summary>1 - value without the rounding that makes 1 - 0.9 another number than 0.1.</summary>
    public static double OneMinus(double value) => double.IsFinite(value) && Math.Abs(value) < 1e9
        ? (double)(1 - (decimal)value)
        : 1 - value;

    /// <summary>Whether a layer made from the attribute has the very number of the layer that wrote it.</summary>
    public static bool IsKept(double value) => Written((float)value).Equals(value);
}
