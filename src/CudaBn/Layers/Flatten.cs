namespace CudaBn;

/// <summary>Makes [N, ...] into [N, rest] without copying.</summary>
public sealed class Flatten : Layer
{
    private const int ViewsKept = 8;

    private readonly List<(Tensor Of, Tensor View)> _outputs = [];
    private readonly List<(Tensor Of, Tensor View)> _gradInputs = [];

    /// <inheritdoc/>
    protected internal override string Kind => "flatten";

    internal override Layer Copy() => new Flatten { IsTraining = IsTraining };

    private protected override Shape OutputShape(Shape input)
    {
        if (input.Rank < 2)
            throw new ArgumentException($"{Label} takes [N, ...] of at least two axes; its input is {input}.");
        return [input[0], checked((int)(input.ElementCount / input[0]))];
    }

    private protected override Tensor ForwardCore(Tensor input) => ViewOf(_outputs, input, shape: null);

    private protected override Tensor? BackwardCore(
        Tensor input, Tensor output, Tensor gradOutput, bool needsInputGradient) =>
        needsInputGradient ? ViewOf(_gradInputs, gradOutput, input.Shape) : null;

    // The layers around hand over the same tensors every step, so their views are kept, newest last.
    private Tensor ViewOf(List<(Tensor Of, Tensor View)> views, Tensor tensor, Shape? shape)
    {
        foreach (var (of, view) in views)
        {
            if (ReferenceEquals(of, tensor) && (shape is null || view.Shape == shape))
                return view;
        }

        if (views.Count == ViewsKept)
            views.RemoveAt(0);
        var added = tensor.Reshape(shape ?? OutputShape(tensor.Shape));
        views.Add((tensor, added));
        return added;
    }
}
