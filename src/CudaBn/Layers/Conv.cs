using CudaBn.Backends.OpArgs;

namespace CudaBn;

/// <summary>Convolution over any number of axes: cross-correlation, as in PyTorch.</summary>
/// <remarks>Along every axis, out = (in + padding at begin and end - dilation * (kernel - 1) - 1) / stride + 1, rounded
/// down. Output channel o sums over the input channels of its group, o / (outChannels / groups); as many groups as input
/// channels make a depthwise convolution.
/// <para>On the CPU, filters of 3 x 3 that move by one place go through Winograd's minimal filtering, F(2 x 2, 3 x 3), where that
/// is faster (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2016): small whole numbers stay exact, and an
/// output still depends on its own window alone, but rounding is relative to the sum of the absolute inputs of the window times
/// the sum of the absolute weights, channel by channel, rather than to the sum of their products.</para></remarks>
public abstract class Conv : Layer, IAffineLayer
{
    private readonly ConvAxis[] _axes;
    private readonly Initializer _weightInitializer;
    private readonly Initializer _biasInitializer;

    private protected Conv(
        int inChannels,
        int outChannels,
        ConvAxis[] axes,
        int groups,
        bool bias,
        Initializer? weightInitializer,
        Initializer? biasInitializer)
    {
        var layer = GetType().Name;
        if (inChannels <= 0 || outChannels <= 0)
            throw new ArgumentException(
                $"{layer}: the channels must be positive, not {inChannels} in and {outChannels} out.");
        if (groups <= 0)
            throw new ArgumentException($"{layer}: groups must be positive, not {groups}.");
        if (inChannels % groups != 0 || outChannels % groups != 0)
            throw new ArgumentException(
                $"{layer}: {inChannels} channels in and {outChannels} out cannot be cut into {groups} equal groups.");
        _axes = axes;
        RequirePositive("kernel", axis => axis.Kernel);
        RequirePositive("stride", axis => axis.Stride);
        RequirePositive("dilation", axis => axis.Dilation);
        if (Array.Exists(axes, axis => axis.PaddingBegin < 0 || axis.PaddingEnd < 0))
        {
            var padding = Sizes(axis => AxisPadding.Text(axis.PaddingBegin, axis.PaddingEnd));
            throw new ArgumentException($"{layer}: padding {padding} must not be negative.");
        }

        InChannels = inChannels;
        OutChannels = outChannels;
        Groups = groups;
        HasBias = bias;
        _weightInitializer = weightInitializer ?? Initializer.FanInUniform;
        _biasInitializer = biasInitializer ?? Initializer.FanInUniform;
    }

    /// <summary>Channels of the input.</summary>
    public int InChannels { get; }

    /// <summary>Channels of the output.</summary>
    public int OutChannels { get; }

    /// <summary>Into how many groups the channels are cut.</summary>
    public int Groups { get; }

    /// <summary>Whether there is a bias.</summary>
    public bool HasBias { get; }

    /// <summary>[outChannels, inChannels / groups, ...kernel]; null before the layer is initialized.</summary>
    public Parameter? Weight { get; private set; }

    /// <summary>[outChannels]; null before the layer is initialized, or without bias.</summary>
    public Parameter? Bias { get; private set; }

    /// <inheritdoc/>
    protected internal override string Kind => "conv";

    /// <summary>How messages name the axes of space.</summary>
    private protected abstract string AxisNames { get; }

    int IAffineLayer.Outputs => OutChannels;

    internal override Layer Copy() => Copy(HasBias);

    Layer IAffineLayer.Copy(bool bias) => Copy(bias);

    private Conv Copy(bool bias)
    {
        var copy = Copy(bias, _weightInitializer, _biasInitializer);
        copy.IsTraining = IsTraining;
        return copy;
    }

    /// <summary>A layer of the same sizes.</summary>
    private protected abstract Conv Copy(bool bias, Initializer weightInitializer, Initializer biasInitializer);

    private protected override void InitializeCore(ulong seed, ref uint stream)
    {
        long taps = 1;
        foreach (var axis in _axes)
            taps *= axis.Kernel;
        // As PyTorch counts: what an input channel of one group sends out is counted for all groups.
        var fan = new Fan(In: InChannels / Groups * taps, Out: OutChannels * taps);
        Weight = AddParameter(
            "weight", [OutChannels, InChannels / Groups, .. Array.ConvertAll(_axes, axis => axis.Kernel)],
            _weightInitializer, fan, seed, ref stream);
        if (HasBias)
            Bias = AddParameter("bias", [OutChannels], _biasInitializer, fan, seed, ref stream);
    }

    private protected override Shape OutputShape(Shape input)
    {
        if (input.Rank != _axes.Length + 2 || input[1] != InChannels)
            throw new ArgumentException($"{Label} takes [N, {InChannels}, {AxisNames}]; its input is {input}.");
        var output = new int[input.Rank];
        (output[0], output[1]) = (input[0], OutChannels);
        long inPlaces = 1, outPlaces = 1;
        for (var i = 0; i < _axes.Length; i++)
        {
            var axis = _axes[i];
            var (size, padded) = (input[i + 2], axis.Padded(input[i + 2]));
            if (padded < axis.Span)
                throw KernelTooLarge(input);
            if (padded > int.MaxValue)
                throw new ArgumentException(
                    $"{Label}: the padded input {PaddedSizes(input)} of {input} is longer than {int.MaxValue}.");
            output[i + 2] = axis.OutputSize(size);
            inPlaces = Math.Min(inPlaces * size, 1L + int.MaxValue);
            outPlaces = Math.Min(outPlaces * output[i + 2], 1L + int.MaxValue);
        }

        if (inPlaces > int.MaxValue || outPlaces > int.MaxValue)
            throw new ArgumentException(
                $"{Label}: a channel of {input} or of the output {new Shape(output)} has more than {int.MaxValue} places.");
        return new Shape(output);
    }

    private protected override Tensor ForwardCore(Tensor input)
    {
        var output = OutputFor(input);
        Backend.ConvForward(new ConvForwardArgs(
            Geometry(input.Shape, output.Shape), input, Weight!.Value, Bias?.Value, output));
        return output;
    }

    private protected override Tensor? BackwardCore(
        Tensor input, Tensor output, Tensor gradOutput, bool needsInputGradient)
    {
        var gradInput = GradInputFor(input, needsInputGradient);
        // The bias' gradient comes with the weight's.
        var gradBias = Bias?.RequiredGradient;
        var gradWeight = gradBias is null ? Weight!.RequiredGradient : Weight!.Gradient;
        if (gradInput is null && gradWeight is null)
            return null;
        Backend.ConvBackward(new ConvBackwardArgs(
            Geometry(input.Shape, output.Shape), input, Weight.Value, gradOutput, gradInput, gradWeight, gradBias));
        return gradInput;
    }

    internal ConvGeometry Geometry(Shape input, Shape output)
    {
        ConvAxis z = Axis(3), y = Axis(2), x = Axis(1);
        return new(
            Batch: input[0],
            InChannels,
            InHeight: Size(input, 2),
            InWidth: Size(input, 1),
            OutChannels,
            OutHeight: Size(output, 2),
            OutWidth: Size(output, 1),
            y.Kernel,
            x.Kernel,
            y.Stride,
            x.Stride,
            y.PaddingBegin,
            x.PaddingBegin,
            y.DilationInUse,
            x.DilationInUse,
            Groups,
            InDepth: Size(input, 3),
            OutDepth: Size(output, 3),
            z.Kernel,
            z.Stride,
            z.PaddingBegin,
            z.DilationInUse);
    }

    /// <summary>The axis so many from the end.</summary>
    private ConvAxis Axis(int fromEnd) => fromEnd <= _axes.Length ? _axes[^fromEnd] : ConvAxis.Missing;

    private int Size(Shape shape, int fromEnd) => fromEnd <= _axes.Length ? shape[shape.Rank - fromEnd] : 1;

    private ArgumentException KernelTooLarge(Shape input)
    {
        var dilation = Array.Exists(_axes, axis => axis.DilationInUse > 1)
            ? $", {Sizes(axis => $"{axis.Span}")} with dilation {Sizes(axis => $"{axis.Dilation}")},"
            : "";
        return new($"{Label}: kernel {Sizes(axis => $"{axis.Kernel}")}{dilation} is larger than the padded input "
            + $"{PaddedSizes(input)} of {input}.");
    }

    private string PaddedSizes(Shape input)
    {
        var next = 2;
        return Sizes(axis => $"{axis.Padded(input[next++])}");
    }

    private void RequirePositive(string what, Func<ConvAxis, int> size)
    {
        if (Array.Exists(_axes, axis => size(axis) <= 0))
            throw new ArgumentException($"{GetType().Name}: {what} {Sizes(axis => $"{size(axis)}")} must be positive.");
    }

    private string Sizes(Func<ConvAxis, string> text) => string.Join("x", _axes.Select(text));
}
