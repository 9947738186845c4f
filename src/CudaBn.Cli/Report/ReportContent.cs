namespace CudaBn.Cli;

/// <summary>All that a report shows.</summary>
/// <param name="Run">What is trained and how.</param>
/// <param name="State">How far the run is.</param>
/// <param name="Rows">The epochs, in their order.</param>
/// <param name="StepsPerEpoch">Steps of an epoch.</param>
/// <param name="History">When the run began, how long it took, and running statistics.</param>
/// <param name="Test">The test images.</param>
/// <param name="Outcome">What the network says about them; null before the first epoch has ended.</param>
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
    string NoProfile);
