namespace CudaBn.Cli;

/// <summary>What a layer costs in a training step, or neighbours that run as one. Layers inside it that were measured
/// themselves are left out.</summary>
/// <param name="Name">Its path in the network; those of neighbours joined by plus signs.</param>
/// <param name="Parameters">Numbers that it learns.</param>
/// <param name="ActivationBytes">The size of its output for the batch; 0 where that is its input seen in another
/// shape.</param>
/// <param name="Forward">Seconds of the forward pass.</param>
/// <param name="Backward">Seconds of the backward pass; 0 where none is needed.</param>
internal sealed record LayerCost(string Name, long Parameters, long ActivationBytes, double Forward, double Backward)
{
    /// <summary>Both passes.</summary>
    public double Seconds => Forward + Backward;
}
