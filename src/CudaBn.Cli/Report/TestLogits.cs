namespace CudaBn.Cli;

/// <summary>Collects what a trainer's network says about the test images while it evaluates them. The copies stay on the
/// device, so that nothing waits for it before the evaluation ends.</summary>
internal sealed class TestLogits(int images, int classes, Device device, DType dtype) : IDisposable
{
    private readonly Tensor _logits = new([images, classes], dtype, device);

    /// <summary>Whether a whole evaluation was seen.</summary>
    public bool IsWhole { get; private set; }

    /// <summary>Has a trainer tell this of every batch that it tests on.</summary>
    public void Watch(Trainer trainer) => trainer.Tested = (first, logits) =>
    {
        _logits.Part((long)first * classes, logits.Shape).CopyFrom(logits);
        IsWhole = first + logits.Shape[0] == images;
    };

    /// <summary>The logits of the last evaluation, [images, classes], row-major.</summary>
    public float[] Read() => Array.ConvertAll(_logits.ToDoubles(), value => (float)value);

    public void Dispose() => _logits.Dispose();
}
