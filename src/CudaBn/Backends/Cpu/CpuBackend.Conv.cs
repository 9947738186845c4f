using CudaBn.Backends.OpArgs;

namespace CudaBn.Backends.Cpu;

public sealed partial class CpuBackend
{
    /// <inheritdoc/>
    public override void ConvForward(in ConvForwardArgs args)
    {
        lock (_gate)
            For(args.Input.DType).ConvForward(in args);
    }

    /// <inheritdoc/>
    public override void ConvBackward(in ConvBackwardArgs args)
    {
        lock (_gate)
            For(args.Input.DType).ConvBackward(in args);
    }
}

internal abstract partial class CpuOperators
{
    public abstract void ConvForward(in ConvForwardArgs args);

    public abstract void ConvBackward(in ConvBackwardArgs args);
}

// A convolution is one of two dimensions for each of its groups of channels, and volumes are unfolded to images first. Those
// of two dimensions choose what lies side by side in the lanes of registers: pixels, images, channels or tiles of outputs.
// Depthwise convolutions have a way of their own.
internal sealed unsafe partial class CpuOperators<TSimd, TVector, T>
{
    public override void ConvForward(in ConvForwardArgs args)
    {
        var g = WithoutSlices(args.Geometry);
        T* input = Data(args.Input), weight = Data(args.Weight), bias = DataOrNull(args.Bias), output = Data(args.Output);
        if (IsLinear(in g))
            LinearForward(LinearGeometryOf(in g), input, weight, bias, output);
        else if (IsDepthwise(in g))
            DepthwiseForward(in g, input, weight, bias, output);
        else if (g.IsFlat)
            GroupedConv2dForward(in g, input, weight, bias, output);
        else
            UnfoldedConvForward(in g, input, weight, bias, output);
    }

    public override void ConvBackward(in ConvBackwardArgs args)
    {
        var g = WithoutSlices(args.Geometry);
        T* input = Data(args.Input), weight = Data(args.Weight), gradOutput = Data(args.GradOutput);
        T* gradInput = DataOrNull(args.GradInput), gradWeight = DataOrNull(args.GradWeight), gradBias = DataOrNull(args.GradBias);
        if (IsLinear(in g))
        {
            LinearBackward(LinearGeometryOf(in g), input, weight, gradOutput, gradInput, gradWeight, gradBias);
        }
        else if (IsDepthwise(in g))
        {
            if (gradInput != null)
                DepthwiseInputGradient(in g, weight, gradOutput, gradInput);
            if (gradWeight != null)
                DepthwiseWeightGradient(in g, input, gradOutput, gradWeight, gradBias);
        }
        else if (g.IsFlat)
        {
            GroupedConv2dBackward(in g, input, weight, gradOutput, gradInput, gradWeight, gradBias);
        }
        else
        {
            UnfoldedConvBackward(in g, input, weight, gradOutput, gradInput, gradWeight, gradBias);
        }
    }

    /// <summary>A kernel that meets the whole input, and once, as one of a pixel does an input of a pixel: inputs and kernels
    /// are the rows of two matrices.</summary>
    private static bool IsLinear(in ConvGeometry g) =>
        g is { Groups: 1, OutPlaces: 1, DilationZ: 1, DilationY: 1, DilationX: 1, PaddingZ: 0, PaddingY: 0, PaddingX: 0 }
        && g.KernelDepth == g.InDepth && g.KernelHeight == g.InHeight && g.KernelWidth == g.InWidth;

    private static LinearGeometry LinearGeometryOf(in ConvGeometry g) =>
        new(g.Batch, checked(g.InChannels * g.InPlaces), g.OutChannels);

    /// <summary>A kernel of one slice and row that steps by one sees no slices: the rows of all are those of one image.</summary>
    private static ConvGeometry WithoutSlices(in ConvGeometry g) =>
        g.KernelDepth == 1 && g.KernelHeight == 1 && g.StrideZ == 1 && g.StrideY == 1 && g.InDepth == g.OutDepth
        && g.InHeight == g.OutHeight && g.PaddingZ == 0 && g.PaddingY == 0
            ? g with
            {
                InDepth = 1,
                OutDepth = 1,
                InHeight = g.InDepth * g.InHeight,
                OutHeight = g.OutDepth * g.OutHeight,
            }
            : g;

    /// <summary>Images, group after group.</summary>
    private void GroupedConv2dForward(in ConvGeometry g, T* input, T* weight, T* bias, T* output)
    {
        var steps = new GroupSteps(in g);
        for (var group = 0; group < g.Groups; group++)
        {
            Conv2dForward(new(
                Conv2dGeometry.OfGroup(in g), input + group * steps.Input, weight + group * steps.Weight,
                steps.Bias(bias, group), output + group * steps.Output));
        }
    }

    private void GroupedConv2dBackward(
        in ConvGeometry g, T* input, T* weight, T* gradOutput, T* gradInput, T* gradWeight, T* gradBias)
    {
        var steps = new GroupSteps(in g);
        for (var group = 0; group < g.Groups; group++)
        {
            Conv2dBackward(new(
                Conv2dGeometry.OfGroup(in g), input + group * steps.Input, weight + group * steps.Weight,
                gradOutput + group * steps.Output, gradInput == null ? null : gradInput + group * steps.Input,
                gradWeight == null ? null : gradWeight + group * steps.Weight, steps.Bias(gradBias, group)));
        }
    }

    private void Conv2dForward(in Conv2dForwardCall<T> call)
    {
        var g = call.Geometry;
        if (PrefersPixelColumns(in g))
        {
            FewChannelsForward(in call);
            return;
        }

        double panels = PanelsCost(in g), packed = PackedCost(in g);
        if (PrefersWinograd(in g, Math.Min(panels, packed), out var hasTiles))
            WinogradConv2dForward(in call, hasTiles);
        else if (panels < packed)
            PanelConv2dForward(in call);
        else if ((IsPlain(in g) || HasPhases(in g)) && PrefersPixelLanes(in g, FilledPixels(in g)))
            PixelConv2dForward(in call);
        else
            ImageConv2dForward(in call);
    }

    private void Conv2dBackward(in Conv2dBackwardCall<T> call)
    {
        // Lanes of images compute both gradients in one go.
        var rest = call;
        if (call.GradInput != null && TryInputGradient(in call))
            rest = rest with { GradInput = null };
        if (call.GradWeight != null && TryWeightGradient(in call))
            rest = rest with { GradWeight = null };
        if (rest.GradInput != null || rest.GradWeight != null)
            ImageConv2dBackward(in rest);
    }

    /// <summary>Computes the input gradient unless lanes of images do it best.</summary>
    /// <returns>Whether it did.</returns>
    private bool TryInputGradient(in Conv2dBackwardCall<T> call)
    {
        Conv2dGeometry g = call.Geometry, turned = Turned(in g);
        if (HasFewChannels(in g))
            FewChannelsInputGradient(in g, call.Weight, call.GradOutput, call.GradInput);
        else if (IsPlain(in g) && PrefersWinograd(in turned, PackedCost(in turned), out var hasTiles))
            WinogradConv2dInputGradient(in g, call.Weight, call.GradOutput, call.GradInput, hasTiles);
        else if (IsPlain(in g) && PrefersPixelLanes(in turned, FilledPixels(in turned)))
            PixelConv2dInputGradient(in g, call.Weight, call.GradOutput, call.GradInput);
        else if (HasGradientPhases(in g) && PrefersGradientPhases(in g))
            PhasedInputGradient(in g, call.Weight, call.GradOutput, call.GradInput);
        else if (PrefersFolded(in g))
            FoldedInputGradient(in g, call.Weight, call.GradOutput, call.GradInput);
        else
            return false;
        return true;
    }

    /// <summary>Computes the gradients of weights and bias unless lanes of images do it best.</summary>
    /// <inheritdoc cref="TryInputGradient"/>
    private bool TryWeightGradient(in Conv2dBackwardCall<T> call)
    {
        var g = call.Geometry;
        if (PrefersWinogradWeights(in g))
            WinogradWeightGradient(in call);
        else if (PrefersDotProducts(in g) && PrefersUnfoldedToPixels(in g))
            UnfoldedWeightGradient(in call);
        else if (PrefersDotProducts(in g))
            DotConv2dWeightGradient(in call);
        else if (PrefersChannelLanes(in g) && PrefersUnfoldedToChannels(in g))
            UnfoldedWeightGradient(in call);
        else if (PrefersChannelLanes(in g))
            ChannelConv2dWeightGradient(in call);
        else
            return false;
        return true;
    }

    /// <summary>Elements from one group of channels to the next, within an image.</summary>
    private readonly struct GroupSteps(in ConvGeometry g)
    {
        private readonly int _outChannels = g.GroupOutChannels;

        public nint Input { get; } = (nint)g.GroupInChannels * g.InPlaces;

        public nint Weight { get; } = (nint)g.GroupOutChannels * g.GroupInChannels * g.Taps;

        public nint Output { get; } = (nint)g.GroupOutChannels * g.OutPlaces;

        public T* Bias(T* bias, int group) => bias == null ? null : bias + (nint)group * _outChannels;
    }
}
