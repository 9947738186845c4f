namespace CudaBn;

/// <summary>Three-dimensional convolution: cross-correlation, as in PyTorch.</summary>
/// <remarks>Input [N, inChannels, D, H, W]; output [N, outChannels, OD, OH, OW] with
/// OD = (D + front + back - dilation * (kernel - 1) - 1) / stride + 1, rounded down, and OH and OW alike. Weight
/// [outChannels, inChannels / groups, KD, KH, KW], bias [outChannels].</remarks>
public sealed class Conv3d : Conv
{
    /// <summary>Describes the layer; <see cref="Layer.Initialize(Device, DType, ulong)"/> makes its parameters.</summary>
    /// <param name="inChannels">Channels of the input.</param>
    /// <param name="outChannels">Channels of the output: the number of filters.</param>
    /// <param name="kernel">Slices, rows and columns of a filter.</param>
    /// <param name="stride">Step of the filter; 1 when null.</param>
    /// <param name="padding">Zeros around the input; 0 when null.</param>
    /// <param name="dilation">Slices, rows and columns of the input from one place of the filter to the next; 1 when
    /// null.</param>
    /// <param name="groups">Into how many groups the channels are cut, each seeing its own.</param>
    /// <param name="bias">Whether a bias is added to every output channel.</param>
    /// <param name="weightInitializer">First values of the weight; PyTorch's when null: uniform in
    /// ±1 / sqrt(fan-in), the fan-in being that of a group.</param>
    /// <param name="biasInitializer">First values of the bias; likewise.</param>
    /// <exception cref="ArgumentException">A size is not positive, the padding is negative, or the channels cannot be cut
    /// into so many groups.</exception>
    public Conv3d(
        int inChannels,
        int outChannels,
        Size3d kernel,
        Size3d? stride = null,
        Padding3d? padding = null,
        Size3d? dilation = null,
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

    /// <summary>Slices, rows and columns of a filter.</summary>
    public Size3d Kernel { get; }

    /// <summary>Step of the filter.</summary>
    public Size3d Stride { get; }

    /// <summary>Slices, rows and columns of zeros around the input.</summary>
    public Padding3d Padding { get; }

    /// <summary>Slices, rows and columns of the input from one place of the filter to the next.</summary>
    public Size3d Dilation { get; }

    private protected override string AxisNames => "D, H, W";

    private protected override Conv Copy(bool bias, Initializer weightInitializer, Initializer biasInitializer) => new Conv3d(
        InChannels, OutChannels, Kernel, Stride, Padding, Dilation, Groups, bias, weightInitializer, biasInitializer);

    private static ConvAxis[] Axes(Size3d kernel, Size3d stride, Padding3d padding, Size3d dilation) =>
    [
        new(kernel.Depth, stride.Depth, dilation.Depth, padding.Front, padding.Back),
        new(kernel.Height, stride.Height, dilation.Height, padding.Top, padding.Bottom),
        new(kernel.Width, stride.Width, dilation.Width, padding.Left, padding.Right),
    ];
}
