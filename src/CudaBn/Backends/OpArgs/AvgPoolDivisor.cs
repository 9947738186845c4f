namespace CudaBn.Backends.OpArgs;

/// <summary>What average pooling divides the sum of a window by.</summary>
/// <param name="CountsPadding">Whether by the number of places up to the edge of the padded input, rather than of the
/// input.</param>
/// <param name="Override">Above 0: by this number instead; 0: by the number of places.</param>
public readonly record struct AvgPoolDivisor(bool CountsPadding, int Override = 0);
