namespace CudaBn.Onnx.Import;

/// <summary>Zeros that a Pad puts around images, along every axis of space.</summary>
internal sealed record ZeroBorder(int[] Begin, int[] End)
{
    public static ZeroBorder None(int axes) => new(new int[axes], new int[axes]);

    /// <summary>The zeros and a padding around them; more than 32 bits hold is more than any layer takes.</summary>
    public (int[] Begin, int[] End) With(int[] begin, int[] end)
    {
        return (Sums(Begin, begin), Sums(End, end));

        static int[] Sums(int[] ones, int[] others) =>
            [.. ones.Zip(others, (one, other) => (int)Math.Min(int.MaxValue, (long)one + other))];
    }
}
