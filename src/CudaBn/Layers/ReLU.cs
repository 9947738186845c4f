using CudaBn.Backends.OpArgs;

namespace CudaBn;

/// <summary>Rectifier: max(x, 0) of any shape, where NaN stays NaN. The gradient at 0 is 0.</summary>
public sealed class ReLU : Layer
{
    /// <inheritdoc/>
    protected internal override string Kind => "relu";

    internal override Layer Copy() => new ReLU { IsTraining = IsTraining };

    private protected override Shape OutputShape(Shape input) => input;

    private protected override Tensor ForwardCore(Tensor input)
    {
        var output = OutputFor(input);
        Backend.ReLUForward(new ReLUForwardArgs(input, output));
        return output;
    }

    private protected override Tensor? BackwardCore(
        Tensor input, Tensor output, Tensor gradOutput, bool needsInputGradient)
    {
        var gradInput = GradInputFor(input, needsInputGradient);
        if (gradInput is not null)
            Backend.ReLUBackward(new ReLUBackwardArgs(output, gradOutput, gradInput));
        return gradInput;
    }
}
