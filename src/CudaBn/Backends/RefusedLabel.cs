namespace CudaBn.Backends;

/// <summary>A label that is no class, as a backend that queues leaves it on the device until the host waits.</summary>
/// <param name="Count">How many batches were refused since the host waited last.</param>
/// <param name="Row">The first row with such a label in the first of them.</param>
/// <param name="Label">Its label.</param>
/// <param name="Classes">How many classes there are.</param>
internal readonly record struct RefusedLabel(int Count, int Row, int Label, int Classes)
{
    public ArgumentException ToException() =>
        new($"SoftmaxCrossEntropy: label {Label} of row {Row} is outside [0, {Classes}).");
}
