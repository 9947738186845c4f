namespace CudaBn.Tests.Reference;

/// <summary>What stands behind a batch normalization: y = max(normalized + addend, 0), element by element. Either part may
/// be missing.</summary>
public static class ReferenceBatchNormAddReLU
{
    public static double[] Forward(double[] normalized, double[]? addend, bool rectifies)
    {
        var y = new double[normalized.Length];
        for (var i = 0; i < y.Length; i++)
            y[i] = normalized[i] + (addend is null ? 0.0 : addend[i]);
        return rectifies ? ReferenceReLU.Forward(y) : y;
    }

    /// <summary>The gradient by what is normalized, which is that by the addend.</summary>
    public static double[] Backward(double[] gradOutput, double[] y, bool rectifies) =>
        rectifies ? ReferenceReLU.Backward(gradOutput, y) : gradOutput;
}
