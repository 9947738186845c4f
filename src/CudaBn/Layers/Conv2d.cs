namespace CudaBn;

/// <summary>Two-dimensional convolution: cross-correlation, as in PyTorch.</summary>
/// <remarks>Input [N, inChannels, H, W]; output [N, outChannels, OH, OW] with
/// OH = (H + top + bottom - dilation * (kernel - 1) - 1) / stride + 1, rounded down, and OW alike. Weight
/// [outChannels, inChannels / groups, KH, KW], bias [outChannels].</remarks>
public sealed class Conv2d : Conv
{
    /// <summary>Describes the layer; <see cref="Layer.Initialize(Device, DType, ulong)"/> makes its parameters.</summary>
    /// <param name="inChannels">Channels of the input.</param>
    /// <param name="outChannels">Channels of the output: the number of filters.</param>
    /// <param name="kernel">Rows and columns of a filter.</param>
    /// <param name="stride">Step of the filter; 1 when null.</param>
    /// <param name="padding">Zeros around the input; 0 when null.</param>
    /// <param name="dilation">Rows and columns of the input from one place of the filter to the next; 1 when null.</param>
    /// <param name="groups">Into how many groups the channels are cut, each seeing its own; as many as there are input
    /// channels make a depthwise convolution.</param>
    /// <param name="bias">Whether a bias is added to every output channel.</param>
    /// <param name="weightInitializer">First values of the weight; PyTorch's when null: uniform in
    /// ±1 / sqrt(fan-in), the fan-in being that of a group.</param>
    /// <param name="biasInitializer">First values of the bias; likewise.</param>
    /// <exception cref="ArgumentException">A size is not positive, the padding is negative, or the channels cannot be cut
    /// into so many groups.</exception>
    public Conv2d(
        int inChannels,
        int outChannels,
        Size2d kernel,
        Size2d? stride = null,
        Padding2d? padding = null,
        Size2d? dilation = null,
        int groups = 1,
        bool bias = true,
        Initializer? weightInitializer = null,
        Initializer? biasInitializer = null)
        : base(
            inChannels, outChannels, Axes(kernel, stride ?? 1, padding ?? 0, dilation ?? 1), groups, bias,
            weightInitializer, biasInitializer)
    {
        Kernel = kernel;
        Stride = stride ?? 1;
        Padding = padding ?? 0;
        Dilation = dilation ?? 1;
    }

    /// <summary>Rows and columns of a filter.</summary>
    public Size2d Kernel { get; }

    /// <summary>Step of the filter.</summary>
    public Size2d Stride { get; }

    /// <summary>Rows and columns of zeros around the input.</summary>
    public Padding2d Padding { get; }

    /// <summary>Rows and columns of the input from one place of the filter to the next.</summary>
    public Size2d Dilation { get; }

    private protected override string AxisNames => "H, W";

    private protected override Conv Copy(bool bias, Initializer weightInitializer, Initializer biasInitializer) => new Conv2d(
        InChannels, OutChannels, Kernel, Stride, Padding, Dilation, Groups, bias, weightInitializer, biasInitializer);

    private static ConvAxis[] Axes(Size2d kernel, Size2d stride, Padding2d padding, Size2d dilation) =>
    [
        new(kernel.Height, stride.Height, dilation.Height, padding.Top, padding.Bottom),
        new(kernel.Width, stride.Width, dilation.Width, padding.Left, padding.Right),
    ];
}
