using CudaBn;

namespace Consumer;

internal static class Networks
{
    /// <summary>From [N, 1, 28, 28] to ten logits, with batch normalization.</summary>
    public static Sequential Small() => new(
        new Conv2d(1, 4, kernel: 3, padding: 1, bias: false), new BatchNorm(4), new ReLU(), new MaxPool2d(4),
        new Flatten(), new Linear(4 * 7 * 7, 10));
}
