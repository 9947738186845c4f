namespace CudaBn.Onnx;

/// <summary>The names of what a batch normalization is told beyond ONNX's attributes, as <see cref="LayerOptions"/> keep it.
/// All of it matters to training alone, or spells out more digits.</summary>
internal static class BatchNormOptions
{
    public const string Epsilon = "epsilon";
    public const string Momentum = "momentum";
    public const string Cumulative = "cumulative_average";
    public const string NotAffine = "not_affine";
    public const string FixedGamma = "fixed_gamma";
    public const string BiasedVariance = "biased_running_variance";
    public const string VirtualBatchSize = "virtual_batch_size";
    public const string ChannelsLast = "channels_last";
    public const string BatchesTracked = "num_batches_tracked";
}
