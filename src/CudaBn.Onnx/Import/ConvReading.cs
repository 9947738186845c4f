namespace CudaBn.Onnx.Import;

/// <summary>Convolutions out of nodes.</summary>
internal static class ConvReading
{
    /// <summary>A convolution, and the sum behind it that is its bias.</summary>
    /// <param name="call">The convolution.</param>
    /// <param name="next">What stands behind it.</param>
    /// <param name="border">What a Pad in front puts around the images; null where there is none.</param>
    /// <param name="taken">One, or two with the sum.</param>
    public static ImportedLayer Read(NodeCall call, NodeCall? next, ZeroBorder? border, out int taken)
    {
        call.RequireComputedFirst();
        var weight = call.Reals(1);
        var axes = weight.Sizes.Length - 2;
        if (axes is < 1 or > 3 || axes != call.Axes)
            throw call.Fault($"a weight of {call.Input.Rank} axes, 3 to 5, found [{string.Join(", ", weight.Sizes)}]");
        int[] kernel = weight.Sizes[2..];
        var attributes = call.Attributes;
        if (attributes.Has("kernel_shape") && !attributes.Sizes("kernel_shape", axes, 1).SequenceEqual(kernel))
            throw call.Fault($"the kernel_shape of its weight, [{string.Join(", ", kernel)}]");
        var (strides, dilations) = (attributes.Sizes("strides", axes, 1), attributes.Sizes("dilations", axes, 1));
        var groups = attributes.Int("group", 1);
        border ??= ZeroBorder.None(axes);
        var (ownBegin, ownEnd) = WindowPadding.Read(call, kernel, strides, dilations, border);
        var (begin, end) = border.With(ownBegin, ownEnd);
        int outChannels = weight.Sizes[0], inChannels = call.Input[1];
        if (groups <= 0 || inChannels % groups != 0 || weight.Sizes[1] != inChannels / groups)
            throw call.Fault(
                $"a weight for {inChannels} channels in {groups} groups, found [{string.Join(", ", weight.Sizes)}]");

        var hasBias = call.Node.Inputs is [_, _, { Length: > 0 }];
        List<(string, ReadOnlyMemory<byte>)> weights = [("weight", weight.Elements)];
        var sum = hasBias || next is not { Operator: "Add" }
            ? -1
            : Array.FindIndex([0, 1], index => next.HasPerChannel(index, outChannels));
        taken = sum < 0 ? 1 : 2;
        if (hasBias)
            weights.Add(("bias", call.Elements(2, outChannels)));
        else if (sum >= 0)
            weights.Add(("bias", next!.Reals(sum).Elements));
        hasBias |= sum >= 0;
        return call.Layer(
            () => axes switch
            {
                1 => new Conv1d(
                    inChannels, outChannels, kernel[0], strides[0], (begin[0], end[0]), dilations[0], groups, hasBias),
                2 => new Conv2d(
                    inChannels, outChannels, (kernel[0], kernel[1]), (strides[0], strides[1]),
                    new Padding2d(begin[0], end[0], begin[1], end[1]), (dilations[0], dilations[1]), groups, hasBias),
                _ => new Conv3d(
                    inChannels, outChannels, (kernel[0], kernel[1], kernel[2]), (strides[0], strides[1], strides[2]),
                    new Padding3d(begin[0], end[0], begin[1], end[1], begin[2], end[2]),
                    (dilations[0], dilations[1], dilations[2]), groups, hasBias),
            },
            taken == 1 ? call.Node.Inputs : call.Node.Inputs.Concat(next!.Node.Inputs), weights);
    }
}
