namespace CudaBn;

/// <summary>Training met a value that is NaN or infinite. The message says in which step, in which layer first, and what
/// state the model is in.</summary>
public sealed class NonFiniteException : Exception
{
    internal NonFiniteException(string message, TrainingPlace place, NonFiniteValue? first)
        : base(message)
    {
        (Step, Epoch, StepOfEpoch) = (place.Step, place.Epoch, place.StepOfEpoch);
        Origin = first?.Origin ?? NonFiniteOrigin.Unknown;
        Layer = first?.Layer;
        TensorName = first?.Tensor;
        Index = first?.Index;
        Value = first?.Value;
    }

    /// <summary>The step, from 1 and over all epochs: <see cref="Trainer.StepsDone"/> after a step that goes well.</summary>
    public long Step { get; }

    /// <summary>The epoch of <see cref="Trainer.Fit"/>, from 1; null outside of it.</summary>
    public int? Epoch { get; }

    /// <summary>The step of that epoch, from 1; null outside of <see cref="Trainer.Fit"/>.</summary>
    public int? StepOfEpoch { get; }

    /// <summary>What was not finite first.</summary>
    public NonFiniteOrigin Origin { get; }

    /// <summary>The layer that had it, by its place in the model, such as <c>block2.main.bn1</c>; null if that is not
    /// known.</summary>
    public string? Layer { get; }

    /// <summary>Which tensor of the layer, in words, such as "the output" or "the gradient by weight"; null if that is not
    /// known.</summary>
    public string? TensorName { get; }

    /// <summary>The first place in that tensor, row-major, that is not finite; null if it is not known.</summary>
    public long? Index { get; }

    /// <summary>The value there; null if it is not known.</summary>
    public double? Value { get; }
}
