namespace CudaBn;

/// <summary>Is told what layers compute, in the order in which they do. A layer made of layers comes after those, and layers
/// that run as one are not seen one by one.</summary>
internal interface ILayerObserver
{
    /// <summary>A layer has made its output, which stays until its next forward pass.</summary>
    void AfterForward(Layer layer, Tensor output);

    /// <summary>A layer has made the gradients of its parameters, and the one by its input unless that is null. They stay until
    /// its next backward pass.</summary>
    void AfterBackward(Layer layer, Tensor? gradInput);
}
