namespace CudaBn.Cli;

/// <summary>Where the time and the memory of a training step go.</summary>
/// <param name="BatchSize">Images of the batch that was measured.</param>
/// <param name="Passes">How many steps were measured after the warm-up; every time is the median of them.</param>
/// <param name="Method">How time was taken, as the end of a sentence.</param>
/// <param name="Batch">Seconds for making the batch.</param>
/// <param name="Layers">The layers, in the order in which they ran.</param>
/// <param name="LossForward">Seconds for the loss.</param>
/// <param name="LossBackward">Seconds for its gradient.</param>
/// <param name="Update">Seconds for the optimizer's update of all parameters.</param>
internal sealed record StepProfile(
    int BatchSize,
    int Passes,
    string Method,
    double Batch,
    IReadOnlyList<LayerCost> Layers,
    double LossForward,
    double LossBackward,
    double Update)
{
    /// <summary>Seconds for all of it.</summary>
    public double Total => Batch + Layers.Sum(layer => layer.Seconds) + LossForward + LossBackward + Update;
}
