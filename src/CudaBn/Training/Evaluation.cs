namespace CudaBn;

/// <summary>What a model comes to on a data set.</summary>
/// <param name="Loss">Mean loss per image.</param>
/// <param name="Accuracy">Share of the images classified rightly.</param>
public readonly record struct Evaluation(double Loss, double Accuracy);
