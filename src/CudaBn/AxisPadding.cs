namespace CudaBn;

/// <summary>How messages write the padding of one axis.</summary>
internal static class AxisPadding
{
    public static string Text(int begin, int end) => begin == end ? $"{begin}" : $"{begin}+{end}";
}
