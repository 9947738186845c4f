namespace CudaBn;

/// <summary>What a loss has added up since its totals were last reset.</summary>
/// <param name="Loss">The sum of the losses of all rows, whatever the reduction.</param>
/// <param name="Correct">The rows whose first greatest logit is at the label.</param>
public readonly record struct LossTotals(double Loss, long Correct);
