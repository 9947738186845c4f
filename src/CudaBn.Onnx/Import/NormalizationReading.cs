using System.Runtime.InteropServices;

namespace CudaBn.Onnx.Import;

/// <summary>A mean that is subtracted and a deviation that is divided by, channel by channel, as a batch normalization whose
/// statistics are frozen.</summary>
internal static class NormalizationReading
{
    // A deviation is a constant here, not an estimate that may be 0.
    private const double Epsilon = 1e-30;

    public static ImportedLayer Read(NodeCall call, NodeCall? next, out int taken)
    {
        taken = 2;
        if (next?.Operator != "Div" || call.Axes < 1)
            throw call.Fault("a Div behind it, which normalizes images");
        double[] means = PerChannel(call), stds = PerChannel(next);
        if (stds.Any(std => !(std * std > Epsilon)))
            throw next.Fault("deviations above 0");
        return call.Layer(
            () => new BatchNorm(means.Length, Epsilon, affine: false) { FreezeStatistics = true },
            ("running_mean", Bytes(means, call.Graph.DType)),
            ("running_var", Bytes(Array.ConvertAll(stds, std => std * std), call.Graph.DType)));
    }

    private static double[] PerChannel(NodeCall call)
    {
        call.RequireComputedFirst();
        var (constant, channels) = (call.Reals(1), call.Input[1]);
        return call.HasPerChannel(1, channels)
            ? constant.Doubles()
            : throw call.Fault($"a constant for {channels} channels, found [{string.Join(", ", constant.Sizes)}]");
    }

    private static byte[] Bytes(double[] values, DType dtype) => dtype == DType.Float32
        ? MemoryMarshal.AsBytes<float>(Array.ConvertAll(values, value => (float)value)).ToArray()
        : MemoryMarshal.AsBytes<double>(values).ToArray();
}
