namespace CudaBn.Tests.Support;

/// <summary>Vectors made from vectors, as error bounds need them.</summary>
public static class VectorExtensions
{
    public static double[] Absolute(this double[] values) => Array.ConvertAll(values, Math.Abs);

    /// <summary>As many ones.</summary>
    public static double[] Ones(this double[] values) => Array.ConvertAll(values, _ => 1.0);
}
