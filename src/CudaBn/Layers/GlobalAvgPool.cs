using CudaBn.Backends.OpArgs;

namespace CudaBn;

/// <summary>The mean of every channel of every sample: average pooling with a window as large as the input.</summary>
/// <remarks>Input [N, C, ...spatial] of one spatial axis or more; output [N, C, 1, ...] of the same rank. Parts of a plane
/// are added up in the layer's element type, and their sums in double precision, always in the same order.</remarks>
public sealed class GlobalAvgPool : Layer
{
    /// <inheritdoc/>
    protected internal override string Kind => "pool";

    /// <summary>The mean of a tensor's planes, for layers that come down to it.</summary>
    internal static void Forward(Tensor input, Tensor output) =>
        input.Device.Backend.GlobalAvgPoolForward(
            new GlobalAvgPoolForwardArgs(Planes(input), PlaneSize(input), input, output));

    /// <summary>The gradient of that mean.</summary>
    internal static void Backward(Tensor gradOutput, Tensor gradInput) =>
        gradInput.Device.Backend.GlobalAvgPoolBackward(
            new GlobalAvgPoolBackwardArgs(Planes(gradInput), PlaneSize(gradInput), gradOutput, gradInput));

    internal override Layer Copy() => new GlobalAvgPool { IsTraining = IsTraining };

    private protected override Shape OutputShape(Shape input)
    {
        if (input.Rank < 3)
            throw new ArgumentException(
                $"{Label} takes [N, C, ...spatial] of at least three axes; its input is {input}.");
        Span<int> sizes = stackalloc int[input.Rank];
        sizes.Fill(1);
        (sizes[0], sizes[1]) = (input[0], input[1]);
        return new Shape(sizes);
    }

    private protected override Tensor ForwardCore(Tensor input)
    {
        var output = OutputFor(input);
        Forward(input, output);
        return output;
    }

    private protected override Tensor? BackwardCore(
        Tensor input, Tensor output, Tensor gradOutput, bool needsInputGradient)
    {
        var gradInput = GradInputFor(input, needsInputGradient);
        if (gradInput is not null)
            Backward(gradOutput, gradInput);
        return gradInput;
    }

    private static long Planes(Tensor tensor) => (long)tensor.Shape[0] * tensor.Shape[1];

    private static long PlaneSize(Tensor tensor) => tensor.ElementCount / Planes(tensor);
}
