namespace CudaBn.Bench;

/// <summary>b' = momentum * b + g + decay * v, v' = v - rate * b'; without momentum b' = g + decay * v.</summary>
public static class SgdCheck
{
    public static void Step(
        double[] before, double[] bufferBefore, Tensor gradient, Tensor after, Tensor? buffer, double rate,
        double momentum, double decay)
    {
        using HostValues g = new(gradient), value = new(after);
        using var b = buffer is null ? null : new HostValues(buffer);
        foreach (var i in Check.Samples(value.Count))
        {
            double old = before[i], kept = momentum == 0 ? 0 : momentum * bufferBefore[i];
            var step = kept + g[i] + decay * old;
            var magnitude = Math.Abs(kept) + Math.Abs(g[i]) + Math.Abs(decay * old);
            if (b is not null)
                Check.Close("momentum", i, b[i], step, Check.SumBound(3, magnitude));
            Check.Close("value", i, value[i], old - rate * step, Check.SumBound(4, Math.Abs(old) + rate * magnitude));
        }
    }
}
