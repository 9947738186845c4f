namespace CudaBn.Bench;

/// <summary>max(x, 0), and its gradient, exactly.</summary>
public static class ReLUCheck
{
    public static void Forward(Tensor input, Tensor output)
    {
        using HostValues x = new(input), y = new(output);
        foreach (var i in Check.Samples(y.Count))
            Check.Close("output", i, y[i], Math.Max(x[i], 0), 0);
    }

    public static void Backward(Tensor output, Tensor gradOutput, Tensor gradInput)
    {
        using HostValues y = new(output), dy = new(gradOutput), dx = new(gradInput);
        foreach (var i in Check.Samples(dx.Count))
            Check.Close("gradInput", i, dx[i], y[i] > 0 ? dy[i] : 0, 0);
    }
}
