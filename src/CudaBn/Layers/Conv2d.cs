using CudaBn.Backends.OpArgs;

namespace CudaBn;

/// <summary>Two-dimensional convolution: cross-correlation, as in PyTorch.</summary>
/// <remarks>Input [N, inChannels, H, W]; output [N, outChannels, OH, OW] with
/// OH = (H + 2 * padding - kernel) / stride + 1, rounded down, and OW alike. Weight
/// [outChannels, inChannels, KH, KW], bias [outChannels].</remarks>
public sealed class Conv2d : Layer, IAffineLayer
{
    private readonly Initializer _weightInitializer;
    private readonly Initializer _biasInitializer;

    /// <summary>Describes the layer; <see cref="Layer.Initialize(Device, DType, ulong)"/> makes its parameters.</summary>
    /// <param name="inChannels">Channels of the input.</param>
    /// <param name="outChannels">Channels of the output: the number of filters.</param>
    /// <param name="kernel">Rows and columns of a filter.</param>
    /// <param name="stride">Step of the filter; 1 when null.</param>
    /// <param name="padding">Zeros around the input; 0 when null.</param>
    /// <param name="bias">Whether a bias is added to every output channel.</param>
    /// <param name="weightInitializer">First values of the weight; PyTorch's when null: uniform in
    /// ±1 / sqrt(fan-in).</param>
    /// <param name="biasInitializer">First values of the bias; likewise.</param>
    /// <exception cref="ArgumentException">A size is not positive, or the padding is negative.</exception>
    public Conv2d(
        int inChannels,
        int outChannels,
        Size2d kernel,
        Size2d? stride = null,
        Size2d? padding = null,
        bool bias = true,
        Initializer? weightInitializer = null,
        Initializer? biasInitializer = null)
    {
        if (inChannels <= 0 || outChannels <= 0)
            throw new ArgumentException(
                $"Conv2d: the channels must be positive, not {inChannels} in and {outChannels} out.");
        InChannels = inChannels;
        OutChannels = outChannels;
        Kernel = kernel;
        Stride = stride ?? 1;
        Padding = padding ?? 0;
        HasBias = bias;
        Kernel.RequirePositive("kernel", nameof(Conv2d));
        Stride.RequirePositive("stride", nameof(Conv2d));
        Padding.RequireNotNegative("padding", nameof(Conv2d));
        _weightInitializer = weightInitializer ?? Initializer.FanInUniform;
        _biasInitializer = biasInitializer ?? Initializer.FanInUniform;
    }

    /// <summary>Channels of the input.</summary>
    public int InChannels { get; }

    /// <summary>Channels of the output.</summary>
    public int OutChannels { get; }

    /// <summary>Rows and columns of a filter.</summary>
    public Size2d Kernel { get; }

    /// <summary>Step of the filter.</summary>
    public Size2d Stride { get; }

    /// <summary>Rows and columns of zeros around the input.</summary>
    public Size2d Padding { get; }

    /// <summary>Whether there is a bias.</summary>
    public bool HasBias { get; }

    /// <summary>[outChannels, inChannels, KH, KW]; null before the layer is initialized.</summary>
    public Parameter? Weight { get; private set; }

    /// <summary>[outChannels]; null before the layer is initialized, or without bias.</summary>
    public Parameter? Bias { get; private set; }

    /// <inheritdoc/>
    protected internal override string Kind => "conv";

    int IAffineLayer.Outputs => OutChannels;

    internal override Layer Copy() => Copy(HasBias);

    Layer IAffineLayer.Copy(bool bias) => Copy(bias);

    private Conv2d Copy(bool bias) => new(
        InChannels, OutChannels, Kernel, Stride, Padding, bias, _weightInitializer, _biasInitializer)
    {
        IsTraining = IsTraining,
    };

    private protected override void InitializeCore(ulong seed, ref uint stream)
    {
        var fan = new Fan(In: (long)InChannels * Kernel.Height * Kernel.Width,
            Out: (long)OutChannels * Kernel.Height * Kernel.Width);
        Weight = AddParameter("weight", [OutChannels, InChannels, Kernel.Height, Kernel.Width],
            _weightInitializer, fan, seed, ref stream);
        if (HasBias)
            Bias = AddParameter("bias", [OutChannels], _biasInitializer, fan, seed, ref stream);
    }

    private protected override Shape OutputShape(Shape input)
    {
        if (input.Rank != 4 || input[1] != InChannels)
            throw new ArgumentException($"{Label} takes [N, {InChannels}, H, W]; its input is {input}.");
        var height = input[2] + 2L * Padding.Height;
        var width = input[3] + 2L * Padding.Width;
        if (height < Kernel.Height || width < Kernel.Width)
            throw new ArgumentException(
                $"{Label}: kernel {Kernel} is larger than the padded input {height}x{width} of {input}.");
        return [input[0], OutChannels, checked((int)((height - Kernel.Height) / Stride.Height + 1)),
            checked((int)((width - Kernel.Width) / Stride.Width + 1))];
    }

    private protected override Tensor ForwardCore(Tensor input)
    {
        var output = OutputFor(input);
        Backend.Conv2dForward(new Conv2dForwardArgs(
            Geometry(input, output), input, Weight!.Value, Bias?.Value, output));
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
        Backend.Conv2dBackward(new Conv2dBackwardArgs(
            Geometry(input, output), input, Weight.Value, gradOutput, gradInput, gradWeight, gradBias));
        return gradInput;
    }

    private Conv2dGeometry Geometry(Tensor input, Tensor output) => new(
        Batch: input.Shape[0],
        InChannels,
        InHeight: input.Shape[2],
        InWidth: input.Shape[3],
        OutChannels,
        OutHeight: output.Shape[2],
        OutWidth: output.Shape[3],
        Kernel.Height,
        Kernel.Width,
        Stride.Height,
        Stride.Width,
        Padding.Height,
        Padding.Width);
}
