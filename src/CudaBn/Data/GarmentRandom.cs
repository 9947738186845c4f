namespace CudaBn;

/// <summary>
/// A SplitMix64 stream keyed by seed and stream number. Integers, and one exact multiplication, so that every machine
/// draws the same.
/// </summary>
internal sealed class GarmentRandom(ulong seed, ulong stream)
{
    private ulong _state = Mix(seed + 0x9E3779B97F4A7C15UL) ^ Mix(stream + 0xD1B54A32D192ED03UL);

    public ulong Next() => Mix(_state += 0x9E3779B97F4A7C15UL);

    /// <summary>A number of [low, high).</summary>
    public double Between(double low, double high) => low + (high - low) * ((Next() >> 11) * (1.0 / (1UL << 53)));

    /// <summary>An integer of [0, count).</summary>
    public int Below(int count) => (int)((Next() >> 32) * (ulong)count >> 32);

    public bool Chance(double probability) => Between(0, 1) < probability;

    private static ulong Mix(ulong x)
    {
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9UL;
        x = (x ^ (x >> 27)) * 0x94D049BB133111EBUL;
        return x ^ (x >> 31);
    }
}
