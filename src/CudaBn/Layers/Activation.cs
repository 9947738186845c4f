using CudaBn.Backends.OpArgs;

namespace CudaBn;

/// <summary>A function applied to every element of an input of any shape. NaN stays NaN in the output; the gradient there is
/// NaN, too, but for <see cref="LeakyReLU"/>, which passes it on.</summary>
public abstract class Activation : Layer
{
    private readonly ActivationKind _function;
    private readonly double _negativeSlope;

    private protected Activation(ActivationKind function, double negativeSlope = 0) =>
        (_function, _negativeSlope) = (function, negativeSlope);

    private protected override Shape OutputShape(Shape input) => input;

    private protected override Tensor ForwardCore(Tensor input)
    {
        var output = OutputFor(input);
        Backend.ActivationForward(new ActivationForwardArgs(_function, _negativeSlope, input, output));
        return output;
    }

    private protected override Tensor? BackwardCore(
        Tensor input, Tensor output, Tensor gradOutput, bool needsInputGradient)
    {
        var gradInput = GradInputFor(input, needsInputGradient);
        if (gradInput is not null)
            Backend.ActivationBackward(
                new ActivationBackwardArgs(_function, _negativeSlope, input, gradOutput, gradInput));
        return gradInput;
    }
}
