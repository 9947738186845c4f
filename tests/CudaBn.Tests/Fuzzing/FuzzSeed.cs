namespace CudaBn.Tests.Fuzzing;

/// <summary>A valid input to begin with.</summary>
/// <param name="Content">The bytes that are changed.</param>
/// <param name="Seal">Makes a file of the changed bytes, such as one whose check sums are right, without which nothing
/// behind them would ever be reached. The bytes themselves when null.</param>
internal sealed record FuzzSeed(byte[] Content, Func<byte[], byte[]>? Seal = null);
