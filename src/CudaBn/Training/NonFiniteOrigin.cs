namespace CudaBn;

/// <summary>What was NaN or infinite first.</summary>
public enum NonFiniteOrigin
{
    /// <summary>Not known: the batch at fault was gone, or made nothing of the kind when it was run again.</summary>
    Unknown,

    /// <summary>The images of the batch, before any layer had seen them.</summary>
    Input,

    /// <summary>What a layer made in its forward pass of an input that is finite.</summary>
    Forward,

    /// <summary>The loss of logits that are finite.</summary>
    Loss,

    /// <summary>A gradient that a layer, or the loss, made in its backward pass of one that is finite.</summary>
    Backward,

    /// <summary>A parameter, or what the optimizer keeps of one.</summary>
    Update,

    /// <summary>Running statistics.</summary>
    Statistics,
}
