namespace CudaBn;

/// <summary>One-dimensional convolution: cross-correlation, as in PyTorch.</summary>
/// <remarks>Input [N, inChannels, L]; output [N, outChannels, OL] with
/// OL = (L + left + right - dilation * (kernel - 1) - 1) / stride + 1, rounded down. Weight
/// [outChannels, inChannels / groups, kernel], bias [outChannels].</remarks>
public sealed class Conv1d : Conv
{
    /// <summary>Describes the layer; <see cref="Layer.Initialize(Device, DType, ulong)"/> makes its parameters.</summary>
    /// <param name="inChannels">Channels of the input.</param>
    /// <param name="outChannels">Channels of the output: the number of filters.</param>
    /// <param name="kernel">Places of a filter.</param>
    /// <param name="stride">Step of the filter.</param>
    /// <param name="padding">Zeros before and after the input; 0 when null.</param>
    /// <param name="dilation">Elements of the input from one place of the filter to the next.</param>
    /// <param name="groups">Into how many groups the channels are cut, each seeing its own.</param>
    /// <param name="bias">Whether a bias is added to every output channel.</param>
    /// <param name="weightInitializer">First values of the weight; PyTorch's when null: uniform in
    /// ±1 / sqrt(fan-in), the fan-in being that of a group.</param>
    /// <param name="biasInitializer">First values of the bias; likewise.</param>
    /// <exception cref="ArgumentException">A size is not positive, the padding is negative, or the channels cannot be cut
    /// into so many groups.</exception>
    public Conv1d(
        int inChannels,
        int outChannels,
        int kernel,
        int stride = 1,
        Padding1d? padding = null,
        int dilation = 1,
        int groups = 1,
        bool bias = true,
        Initializer? weightInitializer = null,
        Initializer? biasInitializer = null)
        : base(
            inChannels, outChannels, Axes(kernel, stride, padding ?? 0, dilation), groups, bias, weightInitializer,
            biasInitializer)
    {
        Kernel = kernel;
        Stride = stride;
        Padding = padding ?? 0;
        Dilation = dilation;
    }

    /// <summary>Places of a filter.</summary>
    public int Kernel { get; }

    /// <summary>Step of the filter.</summary>
    public int Stride { get; }

    /// <summary>Zeros before and after the input.</summary>
    public Padding1d Padding { get; }

    /// <summary>Elements of the input from one place of the filter to the next.</summary>
    public int Dilation { get; }

    private protected override string AxisNames => "L";

    private protected override Conv Copy(bool bias, Initializer weightInitializer, Initializer biasInitializer) => new Conv1d(
        InChannels, OutChannels, Kernel, Stride, Padding, Dilation, Groups, bias, weightInitializer, biasInitializer);

    private static ConvAxis[] Axes(int kernel, int stride, Padding1d padding, int dilation) =>
        [new(kernel, stride, dilation, padding.Left, padding.Right)];
}
