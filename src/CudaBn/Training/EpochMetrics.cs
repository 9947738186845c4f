namespace CudaBn;

/// <summary>What one epoch of training came to.</summary>
/// <param name="Epoch">From 1, counted over all calls of <see cref="Trainer.Fit"/>: the <see cref="Trainer.EpochsDone"/> that it
/// led to.</param>
/// <param name="TrainLoss">Mean loss over the images of the epoch, each as it was when its batch was trained on.</param>
/// <param name="TrainAccuracy">Share of those images that were classified rightly, likewise.</param>
/// <param name="TestLoss">Mean loss over the test images after the epoch.</param>
/// <param name="TestAccuracy">Share of the test images classified rightly after the epoch.</param>
/// <param name="Seconds">How long the epoch's training took, evaluation and saving left out.</param>
/// <param name="ImagesPerSecond">Images trained on per second.</param>
public sealed record EpochMetrics(
    int Epoch,
    double TrainLoss,
    double TrainAccuracy,
    double TestLoss,
    double TestAccuracy,
    double Seconds,
    double ImagesPerSecond);
