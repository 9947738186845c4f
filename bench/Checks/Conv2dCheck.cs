using CudaBn.Backends.OpArgs;

namespace CudaBn.Bench;

/// <summary>The sums of a convolution and of its gradients, one by one.</summary>
public static class Conv2dCheck
{
    // A sum over batch and places takes as long as many others.
    private const int WeightSamples = 24;

    /// <summary>output[n, o, y, x] = sum of input[n, c, y*s + i*d - p, x*s + j*d - p] * weight[o, c, i, j], where c runs over
    /// the channels of o's group, and counts from their first in the weight.</summary>
    public static void Forward(ConvGeometry g, Tensor input, Tensor weight, Tensor output)
    {
        using HostValues x = new(input), w = new(weight), y = new(output);
        foreach (var index in Check.Samples(y.Count))
        {
            var (rest, column) = Math.DivRem(index, g.OutWidth);
            (rest, var row) = Math.DivRem(rest, g.OutHeight);
            var (image, channel) = Math.DivRem(rest, g.OutChannels);
            double sum = 0, magnitude = 0;
            var terms = 0;
            var first = channel / g.GroupOutChannels * g.GroupInChannels;
            for (var c = 0; c < g.GroupInChannels; c++)
            {
                for (var i = 0; i < g.KernelHeight; i++)
                {
                    for (var j = 0; j < g.KernelWidth; j++)
                    {
                        var inRow = row * g.StrideY + (long)i * g.DilationY - g.PaddingY;
                        var inColumn = column * g.StrideX + (long)j * g.DilationX - g.PaddingX;
                        if (inRow < 0 || inRow >= g.InHeight || inColumn < 0 || inColumn >= g.InWidth)
                            continue;
                        Add(ref sum, ref magnitude, ref terms,
                            x[((image * g.InChannels + first + c) * g.InHeight + inRow) * g.InWidth + inColumn]
                            * w[((channel * g.GroupInChannels + c) * g.KernelHeight + i) * g.KernelWidth + j]);
                    }
                }
            }

            Check.Close("output", index, y[index], sum, Check.SumBound(terms, magnitude));
        }
    }

    /// <summary>gradInput[n, c, r, q] = sum of gradOutput[n, o, y, x] * weight[o, c, i, j] where
    /// y*s + i*d - p = r and x*s + j*d - p = q, and o runs over the channels of c's group.</summary>
    public static void InputGradient(ConvGeometry g, Tensor weight, Tensor gradOutput, Tensor gradInput)
    {
        using HostValues w = new(weight), dy = new(gradOutput), dx = new(gradInput);
        foreach (var index in Check.Samples(dx.Count))
        {
            var (rest, column) = Math.DivRem(index, g.InWidth);
            (rest, var row) = Math.DivRem(rest, g.InHeight);
            var (image, channel) = Math.DivRem(rest, g.InChannels);
            var (group, inGroup) = Math.DivRem(channel, g.GroupInChannels);
            var first = group * g.GroupOutChannels;
            double sum = 0, magnitude = 0;
            var terms = 0;
            for (var i = 0; i < g.KernelHeight; i++)
            {
                for (var j = 0; j < g.KernelWidth; j++)
                {
                    var (outRow, offRow) = Math.DivRem(row + g.PaddingY - (long)i * g.DilationY, g.StrideY);
                    var (outColumn, offColumn) = Math.DivRem(column + g.PaddingX - (long)j * g.DilationX, g.StrideX);
                    if (offRow != 0 || offColumn != 0 || outRow < 0 || outRow >= g.OutHeight || outColumn < 0
                        || outColumn >= g.OutWidth)
                        continue;
                    for (var o = first; o < first + g.GroupOutChannels; o++)
                    {
                        Add(ref sum, ref magnitude, ref terms,
                            dy[((image * g.OutChannels + o) * g.OutHeight + outRow) * g.OutWidth + outColumn]
                            * w[((o * g.GroupInChannels + inGroup) * g.KernelHeight + i) * g.KernelWidth + j]);
                    }
                }
            }

            Check.Close("gradInput", index, dx[index], sum, Check.SumBound(terms, magnitude));
        }
    }

    /// <summary>gradWeight[o, c, i, j] = sum of gradOutput[n, o, y, x] * input[n, c, y*s + i*d - p, x*s + j*d - p], where c
    /// counts from the first channel of o's group.</summary>
    public static void WeightGradient(ConvGeometry g, Tensor input, Tensor gradOutput, Tensor gradWeight)
    {
        using HostValues x = new(input), dy = new(gradOutput), dw = new(gradWeight);
        long[] ends = [0, dw.Count - 1];
        foreach (var index in ends.Concat(Check.Samples(dw.Count).Where(i => i % 7 == 3)).Take(WeightSamples))
        {
            var (rest, j) = Math.DivRem(index, g.KernelWidth);
            (rest, var i) = Math.DivRem(rest, g.KernelHeight);
            var (output, inGroup) = Math.DivRem(rest, g.GroupInChannels);
            var channel = output / g.GroupOutChannels * g.GroupInChannels + inGroup;
            double sum = 0, magnitude = 0;
            var terms = 0;
            for (long image = 0; image < g.Batch; image++)
            {
                for (var row = 0; row < g.OutHeight; row++)
                {
                    for (var column = 0; column < g.OutWidth; column++)
                    {
                        var inRow = row * g.StrideY + i * g.DilationY - g.PaddingY;
                        var inColumn = column * g.StrideX + j * g.DilationX - g.PaddingX;
                        if (inRow < 0 || inRow >= g.InHeight || inColumn < 0 || inColumn >= g.InWidth)
                            continue;
                        Add(ref sum, ref magnitude, ref terms,
                            x[((image * g.InChannels + channel) * g.InHeight + inRow) * g.InWidth + inColumn]
                            * dy[((image * g.OutChannels + output) * g.OutHeight + row) * g.OutWidth + column]);
                    }
                }
            }

            Check.Close("gradWeight", index, dw[index], sum, Check.SumBound(terms, magnitude));
        }
    }

    private static void Add(ref double sum, ref double magnitude, ref int terms, double product)
    {
        sum += product;
        magnitude += Math.Abs(product);
        terms++;
    }
}
