namespace CudaBn.Backends.Cpu;

/// <summary>What the number of steps of a parameter decides.</summary>
/// <param name="StepSize">The learning rate, divided by 1 - beta1^t.</param>
/// <param name="InverseRoot">1 / sqrt(1 - beta2^t).</param>
internal readonly record struct AdamCorrection(double StepSize, double InverseRoot)
{
    public static AdamCorrection At(long step, double learningRate, double beta1, double beta2) => new(
        learningRate / ComplementOfPower(beta1, step), 1 / Math.Sqrt(ComplementOfPower(beta2, step)));

    /// <summary>1 - b^t for b in [0, 1), without the digits that a power near 1 would cost: 1 - b^(m + n) is
    /// (1 - b^m) + b^m * (1 - b^n), in which nothing cancels.</summary>
    internal static double ComplementOfPower(double b, long exponent)
    {
        double result = 0;
        for (var factor = 1 - b; exponent > 0; exponent /= 2)
        {
            if (exponent % 2 != 0)
                result += (1 - result) * factor;
            factor += (1 - factor) * factor;
        }

        return result;
    }
}
