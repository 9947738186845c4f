using CudaBn.Backends.OpArgs;

namespace CudaBn;

/// <summary>A residual block: y = main(x) + shortcut(x).</summary>
/// <remarks>He, Zhang, Ren and Sun, "Deep Residual Learning for Image Recognition", 2015. Where main ends in a batch
/// normalization, that and the addition run as one; a ReLU behind the block in a <see cref="Sequential"/> joins the
/// addition.</remarks>
public sealed class Residual : Container
{
    private readonly Layer _main;
    private readonly Layer? _shortcut;
    private readonly Sequential? _beforeNorm;
    private readonly BatchNorm? _norm;
    private readonly BatchNormTail? _tail;
    private readonly bool _endsInAffine;
    private readonly Workspace _output = new();
    private readonly Workspace _gradInput = new();
    private readonly Workspace _gradSum = new();
    private Tensor? _rectified;
    private bool _ranFused;

    /// <summary>Makes a block of two layers. Those without a name are named main and shortcut.</summary>
    /// <param name="main">What the block learns; this object disposes it.</param>
    /// <param name="shortcut">What leads past it, such as a convolution of 1 x 1 where main changes the shape; this object
    /// disposes it. The input itself when null.</param>
    /// <exception cref="ArgumentException">Both are one, or have one name.</exception>
    public Residual(Layer main, Layer? shortcut = null)
        : base(Named(main, shortcut))
    {
        (_main, _shortcut) = (main, shortcut);
        _beforeNorm = main as Sequential;
        var last = _beforeNorm?.Layers[^1] ?? main;
        _norm = last as BatchNorm;
        _endsInAffine = last is IAffineLayer;
        _tail = _norm is null ? null : new BatchNormTail(_norm);
    }

    /// <inheritdoc/>
    protected internal override string Kind => "residual";

    private protected override Container Create(Layer[] layers) =>
        new Residual(layers[0], layers.Length > 1 ? layers[1] : null);

    private protected override Tensor ForwardCore(Tensor input) => Forward(input, rectifies: false);

    private protected override Tensor? BackwardCore(
        Tensor input, Tensor output, Tensor gradOutput, bool needsInputGradient) =>
        BackwardOfLast(gradOutput, needsInputGradient);

    /// <summary>Computes the output.</summary>
    /// <param name="input">A validated input.</param>
    /// <param name="rectifies">Whether a rectifier follows.</param>
    internal Tensor Forward(Tensor input, bool rectifies)
    {
        ForgetForward();
        _rectified = null;
        _ranFused = FusesLayers && _norm is not null;
        var main = _ranFused ? ForwardBeforeNorm(input) : _main.Forward(input);
        var shortcut = _shortcut is null ? input : _shortcut.Forward(input);
        if (main.Shape != shortcut.Shape)
            throw new ArgumentException(
                $"{Label} adds two tensors of one shape; of its input {input.Shape}, {_main.Label} makes {main.Shape} and "
                + $"{_shortcut?.Label ?? "the shortcut"} {shortcut.Shape}.");
        if (_ranFused)
            return _tail!.Forward(main, shortcut, rectifies);
        // Where main ends in a layer that does not need its output once more, the sum takes its place.
        var output = FusesLayers && _endsInAffine ? main : _output.Get(main.Shape, DType, Device);
        Backend.Add(new AddArgs(main, shortcut, output, rectifies));
        _rectified = rectifies ? output : null;
        return output;
    }

    /// <summary>Computes the gradients for the last forward pass, with a validated <paramref name="gradOutput"/>.</summary>
    internal Tensor? BackwardOfLast(Tensor gradOutput, bool needsInputGradient)
    {
        if (_rectified is not null)
        {
            var gradSum = _gradSum.Get(gradOutput.Shape, DType, Device);
            Backend.ReLUBackward(new ReLUBackwardArgs(_rectified, gradOutput, gradSum));
            gradOutput = gradSum;
        }

        Tensor? gradShortcut = gradOutput;
        var gradMain = _ranFused
            ? BackwardThroughNorm(gradOutput, needsInputGradient, out gradShortcut)
            : _main.Backward(gradOutput, needsInputGradient);
        if (_shortcut is not null)
            gradShortcut = _shortcut.Backward(gradShortcut, needsInputGradient);
        if (!needsInputGradient)
            return null;
        var gradInput = _gradInput.Get(gradMain!.Shape, DType, Device);
        Backend.Add(new AddArgs(gradMain, gradShortcut!, gradInput, Rectifies: false));
        return gradInput;
    }

    private Tensor ForwardBeforeNorm(Tensor input)
    {
        if (_beforeNorm is not null)
            input = _beforeNorm.ForwardFirst(_beforeNorm.Layers.Count - 1, input);
        _norm!.RequireInput(input);
        return input;
    }

    private Tensor? BackwardThroughNorm(Tensor gradOutput, bool needsInputGradient, out Tensor gradShortcut)
    {
        var hasLayersBefore = _beforeNorm is { Layers.Count: > 1 };
        var gradient = _tail!.Backward(gradOutput, needsInputGradient || hasLayersBefore, out gradShortcut);
        return hasLayersBefore ? _beforeNorm!.BackwardOfLast(gradient!, needsInputGradient) : gradient;
    }

    private static Layer[] Named(Layer main, Layer? shortcut)
    {
        ArgumentNullException.ThrowIfNull(main);
        if (main.Name.Length == 0)
            main.Name = "main";
        if (shortcut?.Name.Length == 0)
            shortcut.Name = "shortcut";
        return shortcut is null ? [main] : [main, shortcut];
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _output.Dispose();
            _gradInput.Dispose();
            _gradSum.Dispose();
            _tail?.Dispose();
        }

        base.Dispose(disposing);
    }
}
