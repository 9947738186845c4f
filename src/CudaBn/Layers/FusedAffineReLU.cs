using CudaBn.Backends.OpArgs;

namespace CudaBn;

/// <summary>A convolution or a dense layer and the rectifier behind it that a <see cref="Sequential"/> runs as one: the output
/// is rectified where it lies, for neither needs what it was before.</summary>
internal sealed class FusedAffineReLU(Layer affine) : FusedStep(layerCount: 2)
{
    private readonly Workspace _gradient = new();
    private Tensor? _lastOutput;

    public override bool RequiresGradient => affine.RequiresGradient;

    public override bool Takes(Tensor input) => true;

    public override Tensor Forward(Tensor input)
    {
        var output = affine.Forward(input);
        output.Device.Backend.ReLUForward(new ReLUForwardArgs(output, output));
        _lastOutput = output;
        return output;
    }

    public override Tensor? Backward(Tensor gradOutput, bool needsInputGradient)
    {
        var gradient = _gradient.Get(gradOutput.Shape, gradOutput.DType, gradOutput.Device);
        gradient.Device.Backend.ReLUBackward(new ReLUBackwardArgs(_lastOutput!, gradOutput, gradient));
        return affine.Backward(gradient, needsInputGradient);
    }

    public override void Dispose() => _gradient.Dispose();
}
