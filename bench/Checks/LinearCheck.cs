using CudaBn.Backends.OpArgs;

namespace CudaBn.Bench;

/// <summary>The sums of a dense layer and of its gradients, one by one.</summary>
public static class LinearCheck
{
    public static void Forward(LinearGeometry g, Tensor input, Tensor weight, Tensor bias, Tensor output)
    {
        using HostValues x = new(input), w = new(weight), b = new(bias), y = new(output);
        foreach (var index in Check.Samples(y.Count))
        {
            var (row, column) = Math.DivRem(index, g.OutFeatures);
            Sum("output", index, y[index], b[column], g.InFeatures,
                k => x[row * g.InFeatures + k] * w[column * g.InFeatures + k]);
        }
    }

    public static void Backward(
        LinearGeometry g, Tensor input, Tensor weight, Tensor gradOutput, Tensor gradInput, Tensor gradWeight,
        Tensor gradBias)
    {
        using HostValues x = new(input), w = new(weight), dy = new(gradOutput);
        using HostValues dx = new(gradInput), dw = new(gradWeight), db = new(gradBias);
        foreach (var index in Check.Samples(dx.Count))
        {
            var (row, feature) = Math.DivRem(index, g.InFeatures);
            Sum("gradInput", index, dx[index], 0, g.OutFeatures,
                k => dy[row * g.OutFeatures + k] * w[k * g.InFeatures + feature]);
        }

        foreach (var index in Check.Samples(dw.Count))
        {
            var (output, feature) = Math.DivRem(index, g.InFeatures);
            Sum("gradWeight", index, dw[index], 0, g.Batch,
                k => dy[k * g.OutFeatures + output] * x[k * g.InFeatures + feature]);
        }

        foreach (var index in Check.Samples(db.Count))
            Sum("gradBias", index, db[index], 0, g.Batch, k => dy[k * g.OutFeatures + index]);
    }

    private static void Sum(string name, long index, double actual, double start, int terms, Func<long, double> term)
    {
        double sum = start, magnitude = Math.Abs(start);
        for (long k = 0; k < terms; k++)
        {
            var product = term(k);
            sum += product;
            magnitude += Math.Abs(product);
        }

        Check.Close(name, index, actual, sum, Check.SumBound(terms + 1, magnitude));
    }
}
