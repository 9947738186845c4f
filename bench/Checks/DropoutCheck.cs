using CudaBn.Backends.OpArgs;

namespace CudaBn.Bench;

/// <summary>0 where the generator's word says so, all else multiplied.</summary>
public static class DropoutCheck
{
    /// <param name="mask">With the step that the result was made in.</param>
    public static void Masked(DropoutMask mask, Tensor source, Tensor result)
    {
        using HostValues x = new(source), y = new(result), step = new(mask.Step);
        foreach (var i in Check.Samples(y.Count))
        {
            var block = i / 4;
            var (w0, w1, w2, w3) = Philox.Block(
                (uint)block, (uint)(block >> 32), mask.Stream, (uint)step[0], (uint)mask.Seed, (uint)(mask.Seed >> 32));
            uint[] words = [w0, w1, w2, w3];
            var expected = words[i % 4] < mask.Threshold ? 0 : x[i] * mask.Scale;
            Check.Close("result", i, y[i], expected, 2 * Check.UnitRoundoff * Math.Abs(expected));
        }
    }
}
