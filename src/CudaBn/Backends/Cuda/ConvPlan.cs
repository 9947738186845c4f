namespace CudaBn.Backends.Cuda;

/// <summary>How the products of a convolution are shared out.</summary>
/// <param name="Tile">The tile.</param>
/// <param name="Splits">Into how many parts the terms of every sum are split.</param>
/// <param name="TermsPerSplit">How many terms each part has, but for the last.</param>
internal readonly record struct ConvPlan(ConvTile Tile, int Splits, long TermsPerSplit);
