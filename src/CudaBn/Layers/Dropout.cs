using System.Globalization;
using CudaBn.Backends.OpArgs;

namespace CudaBn;

/// <summary>In training, sets elements to 0 at random and multiplies the others by 1 / (1 - p), so that the expected
/// output is the input; any shape. In evaluation, and for p = 0, the output is the input: the very tensor.</summary>
/// <remarks>Srivastava et al., "Dropout: A Simple Way to Prevent Neural Networks from Overfitting", 2014. The mask is a
/// function of the seed and the layer's place in the model, as given to <see cref="Layer.Initialize(Device, DType,
/// ulong)"/>, of the number of forward passes in training, and of the element's index: the same on every device and for
/// any number of threads, and another one at every step.</remarks>
public sealed class Dropout : Layer
{
    private ulong _seed;
    private uint _stream;
    private bool _lastDropped;

    /// <summary>Makes the layer.</summary>
    /// <param name="p">The probability that an element is dropped, in [0, 1].</param>
    /// <exception cref="ArgumentException">The probability is outside its range.</exception>
    public Dropout(double p = 0.5)
    {
        if (!(p is >= 0 and <= 1))
            throw new ArgumentException($"Dropout: probability {p} is outside [0, 1].");
        P = p;
    }

    /// <summary>The probability that an element is dropped.</summary>
    public double P { get; }

    /// <summary>Int64 [1] on the device: the forward passes in training so far. With the seed and the layer's place it
    /// is all that the next masks depend on. Null before the layer is initialized.</summary>
    internal Tensor? Step { get; private set; }

    /// <inheritdoc/>
    protected internal override string Kind => "dropout";

    private protected override IEnumerable<NamedTensor> OwnRandomState => [new(Prefix + "step", Step!)];

    /// <summary>What the masks depend on besides <see cref="Step"/>: under the layer's name, in words.</summary>
    internal (string Name, string Source) RandomSource => (
        Prefix.TrimEnd('.'), string.Create(CultureInfo.InvariantCulture, $"p {P}, seed {_seed}, stream {_stream}"));

    internal override Layer Copy() => new Dropout(P) { IsTraining = IsTraining };

    private DropoutMask Mask => new(P, _seed, _stream, Step!);

    private protected override void InitializeCore(ulong seed, ref uint stream)
    {
        (_seed, _stream) = (seed, stream++);
        Step = Tensor.Zeros([1], DType.Int64, Device);
    }

    private protected override Shape OutputShape(Shape input) => input;

    private protected override Tensor ForwardCore(Tensor input)
    {
        _lastDropped = IsTraining && P > 0;
        if (!_lastDropped)
            return input;
        var output = OutputFor(input);
        Backend.DropoutForward(new DropoutForwardArgs(Mask, input, output));
        return output;
    }

    private protected override Tensor? BackwardCore(
        Tensor input, Tensor output, Tensor gradOutput, bool needsInputGradient)
    {
        if (!needsInputGradient)
            return null;
        if (!_lastDropped)
            return gradOutput;
        var gradInput = GradInputFor(input, needsInputGradient)!;
        Backend.DropoutBackward(new DropoutBackwardArgs(Mask, gradOutput, gradInput));
        return gradInput;
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
            Step?.Dispose();
        base.Dispose(disposing);
    }
}
