using CudaBn.Onnx;
using CudaBn.Onnx.Format;

namespace CudaBn.Bench;

/// <summary>Models in ONNX's format, made in memory, for inputs of one shape.</summary>
public static class OnnxModel
{
    public static byte[] Conv2d(Conv2dShape shape, Tensor weight)
    {
        ArgumentNullException.ThrowIfNull(shape);
        ArgumentNullException.ThrowIfNull(weight);
        using var conv = new Conv2d(
            shape.InChannels, shape.OutChannels, shape.Kernel, shape.Stride, shape.Padding, shape.Dilation, shape.Groups,
            bias: false);
        conv.Initialize(Device.Cpu);
        Copy(weight, conv.Weight!.Value);
        return Of(conv, [shape.Batch, shape.InChannels, shape.Size, shape.Size]);
    }

    public static byte[] BatchNorm(
        BatchNormShape shape, Tensor gamma, Tensor beta, Tensor mean, Tensor variance, double epsilon)
    {
        ArgumentNullException.ThrowIfNull(shape);
        using var batchNorm = new BatchNorm(shape.Channels, epsilon);
        batchNorm.Initialize(Device.Cpu);
        Copy(gamma, batchNorm.Gamma!.Value);
        Copy(beta, batchNorm.Beta!.Value);
        Copy(mean, batchNorm.RunningMean!);
        Copy(variance, batchNorm.RunningVariance!);
        return Of(batchNorm, shape.TensorShape);
    }

    /// <param name="model">An initialized model, Float32.</param>
    /// <param name="input">[N, C, H, W].</param>
    public static byte[] Of(Layer model, Shape input)
    {
        var (file, _) = OnnxExport.Describe(model, input, new OnnxExportOptions());
        // A runtime that knows the batch plans its memory once.
        foreach (var values in new[] { file.Graph!.Inputs, file.Graph.Outputs })
        {
            var sizes = values[0].Type!.Tensor!.Shape!.Dimensions;
            values[0] = ValueInfoProto.Of(values[0].Name, TensorDataType.Float, [new(input[0]), .. sizes.Skip(1)]);
        }

        return MessageWriter.ToArray(file);
    }

    private static void Copy(Tensor from, Tensor to)
    {
        ArgumentNullException.ThrowIfNull(from);
        to.CopyFrom<float>(from.ToArray<float>());
    }
}
