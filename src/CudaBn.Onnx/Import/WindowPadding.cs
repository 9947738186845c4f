namespace CudaBn.Onnx.Import;

/// <summary>The padding of a convolution or pooling: numbers, or a rule that depends on the input.</summary>
internal static class WindowPadding
{
    /// <summary>The padding that a node asks for.</summary>
    /// <param name="call">The node.</param>
    /// <param name="window">The sizes of its windows.</param>
    /// <param name="strides">Their strides.</param>
    /// <param name="dilations">The distances of their places.</param>
    /// <param name="border">What lies around the images already.</param>
    public static (int[] Begin, int[] End) Read(
        NodeCall call, int[] window, int[] strides, int[] dilations, ZeroBorder border)
    {
        var axes = window.Length;
        var pads = call.Attributes.Sizes("pads", 2 * axes, 0);
        var rule = call.Attributes.Text("auto_pad", "NOTSET");
        switch (rule)
        {
            case "NOTSET":
                return (pads[..axes], pads[axes..]);
            case "VALID":
                return (new int[axes], new int[axes]);
            case "SAME_UPPER" or "SAME_LOWER":
                break;
            default:
                throw call.Fault($"auto_pad NOTSET, VALID, SAME_UPPER or SAME_LOWER, found {FileText.Quoted(rule)}");
        }

        var (begin, end) = (new int[axes], new int[axes]);
        for (var axis = 0; axis < axes; axis++)
        {
            if (strides[axis] == 0)
                throw call.Fault("strides above 0, found 0");
            var input = (long)call.Input[axis + 2] + border.Begin[axis] + border.End[axis];
            var output = (input - 1) / strides[axis] + 1;
            var needed = (output - 1) * strides[axis] + (window[axis] - 1L) * dilations[axis] + 1 - input;
            if (needed > int.MaxValue)
                throw call.Fault($"a padding of 32 bits, found {needed}");
            var (small, large) = ((int)Math.Max(0, needed) / 2, ((int)Math.Max(0, needed) + 1) / 2);
            (begin[axis], end[axis]) = rule == "SAME_UPPER" ? (small, large) : (large, small);
        }

        return (begin, end);
    }
}
