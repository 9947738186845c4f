namespace CudaBn.Cli;

/// <summary>All that a report shows.</summary>
/// <param name="Run">What is trained and how.</param>
/// <param name="State">How far the run is.</param>
/// <param name="Rows">The epochs, in their order.</param>
/// <param name="StepsPerEpoch">Steps of an epoch.</param>
/// <param name="History">When the run began, how long it took, and running statistics.</param>
/// <param name="Test">The test images.</param>
/// <param name="Outcome">What the network says about them; null where that is not known.</param>
/// <param name="Profile">Where time and memory go; null where that was not measured.</param>
/// <param name="NoProfile">Why that was not measured, as a sentence.</param>
internal sealed record ReportContent(
    RunDescription Run,
    RunState State,
    IReadOnlyList<EpochRow> Rows,
    int StepsPerEpoch,
    RunHistory History,
    ImageDataset Test,
    TestOutcome? Outcome,
    StepProfile? Profile,
    string NoProfile)
{
    /// <summary>Why the run was stopped; null where it was not.</summary>
    public string? StopReason { get; init; }

    /// <summary>Why there is no outcome.</summary>
    public string NoOutcome => Rows.Count == 0
        ? "No epoch was completed."
        : "Not known: the run went on in the middle of an epoch, without what was noted at the end of the one before.";
}
