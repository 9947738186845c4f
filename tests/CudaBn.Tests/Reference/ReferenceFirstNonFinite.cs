namespace CudaBn.Tests.Reference;

/// <summary>The first element that is NaN or infinite.</summary>
public static class ReferenceFirstNonFinite
{
    /// <summary>Its index, or -1.</summary>
    public static long Of(double[] values)
    {
        for (var i = 0; i < values.Length; i++)
        {
            if (double.IsNaN(values[i]) || double.IsInfinity(values[i]))
                return i;
        }

        return -1;
    }
}
