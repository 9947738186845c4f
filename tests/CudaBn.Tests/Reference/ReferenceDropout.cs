namespace CudaBn.Tests.Reference;

/// <summary>Dropout with masks of the generator Philox 4x32-10, word by word.</summary>
public static class ReferenceDropout
{
    /// <summary>What an element is multiplied by: 0, or 1 / (1 - p).</summary>
    public static double Factor(double p, ulong seed, uint stream, long step, long element)
    {
        var (w0, w1, w2, w3) = Philox.Block(
            (uint)(element / 4), (uint)(element / 4 >> 32), stream, (uint)step, (uint)seed, (uint)(seed >> 32));
        var word = new[] { w0, w1, w2, w3 }[element % 4];
        return word < p * 4294967296.0 ? 0 : 1 / (1 - p);
    }

    public static double[] Factors(double p, ulong seed, uint stream, long step, int elements)
    {
        var factors = new double[elements];
        for (var i = 0; i < elements; i++)
            factors[i] = Factor(p, seed, stream, step, i);
        return factors;
    }
}
