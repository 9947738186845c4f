namespace CudaBn;

/// <summary>Makes [N, ...] into [N, rest] without copying.</summary>
public sealed class Flatten : Layer
{
    private const int ViewsKept = 8;

    private readonly List<(Tensor Of, Tensor View)> _views = [];

    /// <inheritdoc/>
    protected internal override string Kind => "flatten";

    private protected override Shape OutputShape(Shape input)
    {
        if (input.Rank < 2)
            throw new ArgumentException($"{Label} takes [N, ...] of at least two axes; its input is {input}.");
        return [input[0], checked((int)(input.ElementCount / input[0]))];
    }

    private protected override Tensor ForwardCore(Tensor input) => ViewOf(input, shape: null);

    private protected override Tensor? BackwardCore(
        Tensor input, Tensor output, Tensor gradOutput, bool needsInputGradient) =>
        needsInputGradient ? ViewOf(gradOutput, input.Shape) : null;

    // The layers around hand over the same tensors every step, so their views are kept, newest last.
    private Tensor ViewOf(Tensor tensor, Shape? shape)
    {
        foreach (var (of, view) in _views)
        {
            if (ReferenceEquals(of, tensor) && (shape is null || view.Shape == shape))
                return view;
        }

        if (_views.Count == ViewsKept)
            _views.RemoveAt(0);
        var added = tensor.Reshape(shape ?? OutputShape(tensor.Shape));
        _views.Add((tensor, added));
        return added;
    }
}
