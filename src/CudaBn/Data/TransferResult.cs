namespace CudaBn;

/// <summary>How one request for a file ended, and why where it failed.</summary>
internal readonly record struct TransferResult(TransferOutcome Outcome, string Reason)
{
    public static TransferResult Complete => new(TransferOutcome.Complete, "");
}
