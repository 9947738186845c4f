namespace CudaBn.Tests.Reference;

/// <summary><see cref="ReferenceMaxPool"/> of images x [n, c, h, w], which are volumes of depth 1.</summary>
public static class ReferenceMaxPool2d
{
    public static int OutputSize(int input, int window, int stride, int padding) =>
        PoolSizes.OutputSize(input, window, stride, padding);

    /// <returns>Y [n, c, outH, outW] and, for each of its elements, the place of the winner in its input plane,
    /// row*w + column.</returns>
    public static (double[] Y, int[] Indices) Forward(
        double[] x, int n, int c, int h, int w,
        int windowH, int windowW, int strideH, int strideW, int padH, int padW) =>
        ReferenceMaxPool.Forward(x, new PoolSizes(
            n * c, (1, h, w), (1, windowH, windowW), (1, strideH, strideW), (0, padH, padW)));

    /// <summary>Routes every output's gradient to its winner; a winner of several windows gets their sum.</summary>
    public static double[] Backward(double[] gradOutput, int[] indices, int n, int c, int h, int w, int outH, int outW)
    {
        var gradInput = new double[n * c * h * w];
        for (var at = 0; at < n * c * outH * outW; at++)
            gradInput[at / (outH * outW) * (h * w) + indices[at]] += gradOutput[at];
        return gradInput;
    }
}
