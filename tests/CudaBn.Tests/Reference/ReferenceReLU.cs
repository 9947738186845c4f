namespace CudaBn.Tests.Reference;

/// <summary>max(x, 0), element by element.</summary>
public static class ReferenceReLU
{
    /// <summary>NaN stays NaN: it must not be lost on its way to the loss.</summary>
    public static double[] Forward(double[] x) =>
        Array.ConvertAll(x, value => value > 0 || double.IsNaN(value) ? value : 0.0);

    /// <summary>The gradient passes where the output is positive or NaN; at the kink it is zero.</summary>
    public static double[] Backward(double[] gradOutput, double[] y)
    {
        var gradInput = new double[y.Length];
        for (var i = 0; i < y.Length; i++)
            gradInput[i] = y[i] <= 0 ? 0.0 : gradOutput[i];
        return gradInput;
    }
}
