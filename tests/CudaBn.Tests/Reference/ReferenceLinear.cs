namespace CudaBn.Tests.Reference;

/// <summary>y = x * weight^T + bias; x [n, inputs], weight [outputs, inputs], bias [outputs] or null, y [n, outputs].
/// </summary>
public static class ReferenceLinear
{
    public static double[] Forward(double[] x, double[] weight, double[]? bias, int n, int inputs, int outputs)
    {
        var y = new double[n * outputs];
        for (var i = 0; i < n; i++)
        for (var o = 0; o < outputs; o++)
        {
            var sum = bias is null ? 0.0 : bias[o];
            for (var k = 0; k < inputs; k++)
                sum += x[i * inputs + k] * weight[o * inputs + k];
            y[i * outputs + o] = sum;
        }

        return y;
    }

    public static (double[] GradInput, double[] GradWeight, double[] GradBias) Backward(
        double[] gradOutput, double[] x, double[] weight, int n, int inputs, int outputs)
    {
        var gradInput = new double[n * inputs];
        var gradWeight = new double[outputs * inputs];
        var gradBias = new double[outputs];

        for (var i = 0; i < n; i++)
        for (var o = 0; o < outputs; o++)
        {
            var gradient = gradOutput[i * outputs + o];
            gradBias[o] += gradient;
            for (var k = 0; k < inputs; k++)
            {
                gradInput[i * inputs + k] += gradient * weight[o * inputs + k];
                gradWeight[o * inputs + k] += gradient * x[i * inputs + k];
            }
        }

        return (gradInput, gradWeight, gradBias);
    }
}
