using CudaBn.Onnx.Format;

namespace CudaBn.Onnx.Export;

/// <summary>Convolutions as nodes.</summary>
internal static class ConvNodes
{
    public static string Add(GraphBuilder builder, Conv conv, string path, string input)
    {
        var (strides, dilations, pads) = Sizes(conv);
        var weight = conv.Weight!;
        List<string> inputs = [input, builder.AddWeight(weight.Name, weight.Value)];
        if (conv.Bias is { } bias)
            inputs.Add(builder.AddWeight(bias.Name, bias.Value));
        return builder.Add(
            "Conv", path, inputs,
            AttributeProto.Of("kernel_shape", weight.Value.Shape.Sizes[2..].ToArray()),
            AttributeProto.Of("strides", strides),
            AttributeProto.Of("dilations", dilations),
            AttributeProto.Of("pads", pads),
            AttributeProto.Of("group", conv.Groups));
    }

    // ONNX lists what is before every axis, then what is behind.
    private static (int[] Strides, int[] Dilations, int[] Pads) Sizes(Conv conv) => conv switch
    {
        Conv1d one => ([one.Stride], [one.Dilation], [one.Padding.Left, one.Padding.Right]),
        Conv2d two => (
            [two.Stride.Height, two.Stride.Width],
            [two.Dilation.Height, two.Dilation.Width],
            [two.Padding.Top, two.Padding.Left, two.Padding.Bottom, two.Padding.Right]),
        Conv3d three => (
            [three.Stride.Depth, three.Stride.Height, three.Stride.Width],
            [three.Dilation.Depth, three.Dilation.Height, three.Dilation.Width],
            [
                three.Padding.Front, three.Padding.Top, three.Padding.Left,
                three.Padding.Back, three.Padding.Bottom, three.Padding.Right,
            ]),
        _ => throw new ArgumentException($"{conv.Label} has no counterpart in ONNX."),
    };
}
