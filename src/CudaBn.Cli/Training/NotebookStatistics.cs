namespace CudaBn.Cli;

/// <summary>
/// The running statistics that the notebook's batch normalization ended up with. A line break cut the batch's half off
/// its moving average, which left r = 0.9 * r: after t batches the mean is still 0 and the variance 0.9^t, whatever the
/// network has seen.
/// </summary>
/// <param name="model">The network.</param>
internal sealed class NotebookStatistics(Sequential model)
{
    private readonly BatchNorm[] _layers = [.. model.Layers.OfType<BatchNorm>()];

    /// <summary>What is left of a variance of 1 after a number of batches.</summary>
    public static float Variance(double momentum, long batches) => (float)Math.Pow(1 - momentum, batches);

    /// <summary>Evaluates with those statistics in place, and puts the right ones back.</summary>
    public Evaluation Evaluate(Func<Evaluation> evaluate)
    {
        var right = Array.ConvertAll(
            _layers,
            layer => (Mean: layer.RunningMean!.ToArray<float>(), Variance: layer.RunningVariance!.ToArray<float>()));
        try
        {
            foreach (var layer in _layers)
            {
                var batches = layer.BatchesTracked!.ToArray<long>()[0];
                layer.Device.Backend.Clear(layer.RunningMean!);
                layer.Device.Backend.Fill(layer.RunningVariance!, Variance(layer.Momentum!.Value, batches));
            }

            return evaluate();
        }
        finally
        {
            for (var i = 0; i < _layers.Length; i++)
            {
                _layers[i].RunningMean!.CopyFrom<float>(right[i].Mean);
                _layers[i].RunningVariance!.CopyFrom<float>(right[i].Variance);
            }
        }
    }
}
