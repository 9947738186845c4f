namespace CudaBn;

/// <summary>A layer whose outputs are sums of products with its weight, plus a bias: what a batch normalization behind it may
/// be folded into.</summary>
internal interface IAffineLayer
{
    /// <summary>Channels, or features, of the output: the first axis of the weight.</summary>
    int Outputs { get; }

    /// <summary>[outputs, ...].</summary>
    Parameter? Weight { get; }

    /// <summary>[outputs]; null without bias.</summary>
    Parameter? Bias { get; }

    /// <summary>As <see cref="Layer.Copy"/>, with or without a bias.</summary>
    Layer Copy(bool bias);
}
