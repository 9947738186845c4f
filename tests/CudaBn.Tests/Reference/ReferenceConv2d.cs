namespace CudaBn.Tests.Reference;

/// <summary>
/// Two-dimensional cross-correlation as its definition reads. x is [n, cIn, h, w], weight [cOut, cIn, kH, kW],
/// bias [cOut] or null, y [n, cOut, outH, outW]; everything row-major. Padding is zeros.
/// </summary>
public static class ReferenceConv2d
{
    public static int OutputSize(int input, int kernel, int stride, int padding)
    {
        var room = input + 2 * padding - kernel;
        return room < 0
            ? throw new ArgumentException($"a kernel of {kernel} does not fit {input} padded by {padding}")
            : room / stride + 1;
    }

    /// <returns>y[i, o, p, q] = bias[o] + sum over c, r, s of x[i, c, p*strideH + r - padH, q*strideW + s - padW]
    /// * weight[o, c, r, s].</returns>
    public static double[] Forward(
        double[] x, double[] weight, double[]? bias,
        int n, int cIn, int h, int w, int cOut, int kH, int kW, int strideH, int strideW, int padH, int padW)
    {
        var outH = OutputSize(h, kH, strideH, padH);
        var outW = OutputSize(w, kW, strideW, padW);
        var y = new double[n * cOut * outH * outW];

        for (var i = 0; i < n; i++)
        for (var o = 0; o < cOut; o++)
        for (var p = 0; p < outH; p++)
        for (var q = 0; q < outW; q++)
        {
            var sum = bias is null ? 0.0 : bias[o];
            for (var c = 0; c < cIn; c++)
            for (var r = 0; r < kH; r++)
            for (var s = 0; s < kW; s++)
            {
                var row = p * strideH + r - padH;
                var column = q * strideW + s - padW;
                if (row < 0 || row >= h || column < 0 || column >= w)
                    continue;

                sum += x[((i * cIn + c) * h + row) * w + column] * weight[((o * cIn + c) * kH + r) * kW + s];
            }

            y[((i * cOut + o) * outH + p) * outW + q] = sum;
        }

        return y;
    }

    /// <summary>Every product of the forward sum hands the output's gradient to both of its factors.</summary>
    public static (double[] GradInput, double[] GradWeight, double[] GradBias) Backward(
        double[] gradOutput, double[] x, double[] weight,
        int n, int cIn, int h, int w, int cOut, int kH, int kW, int strideH, int strideW, int padH, int padW)
    {
        var outH = OutputSize(h, kH, strideH, padH);
        var outW = OutputSize(w, kW, strideW, padW);
        var gradInput = new double[n * cIn * h * w];
        var gradWeight = new double[cOut * cIn * kH * kW];
        var gradBias = new double[cOut];

        for (var i = 0; i < n; i++)
        for (var o = 0; o < cOut; o++)
        for (var p = 0; p < outH; p++)
        for (var q = 0; q < outW; q++)
        {
            var gradient = gradOutput[((i * cOut + o) * outH + p) * outW + q];
            gradBias[o] += gradient;

            for (var c = 0; c < cIn; c++)
            for (var r = 0; r < kH; r++)
            for (var s = 0; s < kW; s++)
            {
                var row = p * strideH + r - padH;
                var column = q * strideW + s - padW;
                if (row < 0 || row >= h || column < 0 || column >= w)
                    continue;

                var input = ((i * cIn + c) * h + row) * w + column;
                var tap = ((o * cIn + c) * kH + r) * kW + s;
                gradInput[input] += gradient * weight[tap];
                gradWeight[tap] += gradient * x[input];
            }
        }

        return (gradInput, gradWeight, gradBias);
    }
}
