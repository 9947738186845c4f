namespace CudaBn.Tests.Reference;

/// <summary>
/// Cross-correlation over three axes as its definition reads. x is [n, cIn, z, y, x], weight [cOut, cIn / groups, kZ, kY, kX],
/// bias [cOut] or null, y [n, cOut, outZ, outY, outX]; everything row-major. Padding is zeros. Images and signals have axes of
/// one element.
/// </summary>
public sealed record ReferenceConv(int N, int CIn, int COut, int Groups, ReferenceAxis Z, ReferenceAxis Y, ReferenceAxis X)
{
    private int CInGroup => CIn / Groups;

    /// <returns>y[i, o, p, q, r] = bias[o] + sum over c, a, b, d of x[i, c, p*strideZ + a*dilationZ - beginZ, ...]
    /// * weight[o, c, a, b, d], c being the channels of the group of o.</returns>
    public double[] Forward(double[] x, double[] weight, double[]? bias)
    {
        var y = new double[N * COut * Z.OutputSize * Y.OutputSize * X.OutputSize];
        if (bias is not null)
            ForEachOutput((output, channel) => y[output] = bias[channel]);
        ForEachProduct((output, input, tap) => y[output] += x[input] * weight[tap]);
        return y;
    }

    /// <summary>Every product of the forward sum hands the output's gradient to both of its factors.</summary>
    public (double[] GradInput, double[] GradWeight, double[] GradBias) Backward(
        double[] gradOutput, double[] x, double[] weight)
    {
        var gradInput = new double[N * CIn * Z.Size * Y.Size * X.Size];
        var gradWeight = new double[COut * CInGroup * Z.Kernel * Y.Kernel * X.Kernel];
        var gradBias = new double[COut];
        ForEachOutput((output, channel) => gradBias[channel] += gradOutput[output]);
        ForEachProduct((output, input, tap) =>
        {
            gradInput[input] += gradOutput[output] * weight[tap];
            gradWeight[tap] += gradOutput[output] * x[input];
        });
        return (gradInput, gradWeight, gradBias);
    }

    private void ForEachOutput(Action<int, int> visit)
    {
        var places = Z.OutputSize * Y.OutputSize * X.OutputSize;
        for (var output = 0; output < N * COut * places; output++)
            visit(output, output / places % COut);
    }

    private void ForEachProduct(Action<int, int, int> visit)
    {
        int outZ = Z.OutputSize, outY = Y.OutputSize, outX = X.OutputSize;
        for (var i = 0; i < N; i++)
        for (var o = 0; o < COut; o++)
        for (var p = 0; p < outZ; p++)
        for (var q = 0; q < outY; q++)
        for (var r = 0; r < outX; r++)
        {
            var output = (((i * COut + o) * outZ + p) * outY + q) * outX + r;
            for (var c = 0; c < CInGroup; c++)
            for (var a = 0; a < Z.Kernel; a++)
            for (var b = 0; b < Y.Kernel; b++)
            {
                int slice = Z.Input(p, a), row = Y.Input(q, b);
                if (slice < 0 || row < 0)
                    continue;
                var channel = o / (COut / Groups) * CInGroup + c;
                var line = (((i * CIn + channel) * Z.Size + slice) * Y.Size + row) * X.Size;
                var taps = (((o * CInGroup + c) * Z.Kernel + a) * Y.Kernel + b) * X.Kernel;
                for (var d = 0; d < X.Kernel; d++)
                {
                    var column = X.Input(r, d);
                    if (column >= 0)
                        visit(output, line + column, taps + d);
                }
            }
        }
    }
}
