using CudaBn.Backends.OpArgs;

namespace CudaBn.Backends.Cuda;

public sealed unsafe partial class CudaBackend
{
    // As in conv_windows.cu and conv_windows_weight.cu.
    private const int WindowThreads = 128;
    private const int WindowLanes = 32;

    // As in pack.cuh.
    private const int PackBytes = 16;

    // Loops over places of the kernel are unrolled.
    private const int MaxWindowTaps = 49;

    private const int MaxStrip = 4;

    // Of the registers that a thread can have, what the values around a strip and sums over strips may take. Of values there
    // are as many again, which are on their way.
    private const int WindowValueBytes = 72 * sizeof(float);
    private const int WindowSumBytes = 80 * sizeof(float);

    // What a multiprocessor has for every lane of its warps, and what a thread takes for addresses and the like.
    private const int WindowRegisterBytes = 8 * 1024;
    private const int OtherWindowBytes = 160;

    internal static readonly KernelFile ConvWindowsFile = new("conv_windows.cu");
    internal static readonly KernelFile ConvWindowsWeightFile = new("conv_windows_weight.cu");

    /// <summary>Whether windows are known when kernels are compiled: in images, without gaps, of few places.</summary>
    private static bool IsOfWindows(in ConvGeometry g) => g is
        {
            IsFlat: true, StrideY: 1 or 2, StrideX: 1 or 2, DilationY: 1, DilationX: 1, Taps: <= MaxWindowTaps,
        };

    /// <summary>How many rows of outputs a thread has at a time: less than twice as many as there are, and, but for one, no
    /// more than it has registers for.</summary>
    internal static int WindowStrip(in ConvGeometry g, DType dtype)
    {
        var strip = MaxStrip;
        while (strip > 1
            && (strip >= 2 * g.OutHeight
                || ValuesAround(in g, strip) * dtype.Size() > WindowValueBytes))
            strip /= 2;
        return strip;
    }

    /// <summary>The output channels that a thread of the weight gradient has: those of a group, in equal parts.</summary>
    internal static int WindowSums(in ConvGeometry g, DType dtype)
    {
        var most = Math.Max(1, WindowSumBytes / dtype.Size() / g.Taps);
        return (int)CeilDiv(g.GroupOutChannels, CeilDiv(g.GroupOutChannels, most));
    }

    /// <summary>Runs the direct kernel for windows known when it is compiled, if the output channels of a group are
    /// few.</summary>
    /// <returns>Whether it ran.</returns>
    private bool TryConvForwardWindows(in ConvForwardArgs args)
    {
        var g = args.Geometry;
        var dtype = args.Input.DType;
        var shared = WindowShared(in g, g.GroupInChannels, g.GroupOutChannels, dtype);
        if (!IsSmallGroup(g.Groups, g.GroupOutChannels) || !IsOfWindows(in g) || shared > MaxConvShared)
            return false;
        var strips = (long)g.Batch * CeilDiv(g.OutHeight, WindowStrip(in g, dtype)) * g.OutWidth;
        WindowsKernel("conv_windows_forward", in g, g.GroupOutChannels, dtype).Launch(
            Blocks(g.Groups * CeilDiv(strips, WindowThreads)), WindowThreads,
            [KernelArgument.Struct(&g), args.Input, args.Weight, args.Bias, args.Output], (int)shared);
        return true;
    }

    /// <summary>Runs the direct kernel of the input gradient for windows known when it is compiled, if the input channels
    /// of a group are few.</summary>
    /// <returns>Whether it ran.</returns>
    private bool TryConvBackwardInputWindows(in ConvBackwardArgs args)
    {
        var g = args.Geometry;
        var dtype = args.Input.DType;
        var shared = WindowShared(in g, g.GroupOutChannels, g.GroupInChannels, dtype);
        if (!IsSmallGroup(g.Groups, g.GroupInChannels) || !IsOfWindows(in g) || shared > MaxConvShared)
            return false;
        var rows = Math.Max(WindowStrip(in g, dtype), g.StrideY);
        var strips = (long)g.Batch * CeilDiv(g.InHeight, rows) * CeilDiv(g.InWidth, g.StrideX);
        WindowsKernel("conv_windows_backward_input", in g, g.GroupInChannels, dtype).Launch(
            Blocks(g.Groups * CeilDiv(strips, WindowThreads)), WindowThreads,
            [KernelArgument.Struct(&g), args.Weight, args.GradOutput, args.GradInput], (int)shared);
        return true;
    }

    /// <summary>Runs the direct kernel of the weight gradient for windows known when it is compiled, if the output channels
    /// of a group are few.</summary>
    /// <returns>Whether it ran.</returns>
    private bool TryConvBackwardWeightWindows(in ConvBackwardArgs args, int columns)
    {
        var g = args.Geometry;
        if (!IsSmallGroup(g.Groups, g.GroupOutChannels) || !IsOfWindows(in g))
            return false;
        var dtype = args.Input.DType;
        var (strip, channels) = (WindowStrip(in g, dtype), WindowSums(in g, dtype));
        var warps = g.InChannels * CeilDiv(g.GroupOutChannels, channels);
        var strips = (long)g.Batch * CeilDiv(g.OutHeight, strip) * g.OutWidth;
        // As many warps as multiprocessors have registers for; but adding up the lanes of a warp takes as long as a few strips.
        var registers = OtherWindowBytes
            + (ValuesAround(in g, strip) + channels * (g.Taps + 1 + strip)) * dtype.Size();
        var wanted = Math.Clamp(
            WindowRegisterBytes / registers * MultiprocessorCount / warps, 1, CeilDiv(strips, 4 * WindowLanes));
        var perSplit = CeilDiv(CeilDiv(strips, wanted), WindowLanes) * WindowLanes;
        var splits = (int)CeilDiv(strips, perSplit);

        var partials = Scratch((long)splits * g.OutChannels * columns * dtype.Size());
        Kernel(
            ConvWindowsWeightFile, "conv_windows_backward_weight", dtype,
            [
                new("KERNEL_HEIGHT", g.KernelHeight), new("KERNEL_WIDTH", g.KernelWidth),
                new("STRIDE_Y", g.StrideY), new("STRIDE_X", g.StrideX),
                new("CHANNELS", channels), new("STRIP", strip),
            ]).Launch(
                Blocks(CeilDiv(warps * splits, WindowThreads / WindowLanes)), WindowThreads,
                [KernelArgument.Struct(&g), args.Input, args.GradOutput, columns, perSplit, splits, partials]);
        SumSplits(in args, columns, partials, splits);
        return true;
    }

    /// <summary>How many inputs a strip of so many rows meets in a channel.</summary>
    private static long ValuesAround(in ConvGeometry g, int strip) =>
        ((strip - 1L) * g.StrideY + g.KernelHeight) * g.KernelWidth;

    private BoundKernel WindowsKernel(string name, in ConvGeometry g, int channels, DType dtype) => Kernel(
        ConvWindowsFile, name, dtype,
        [
            new("KERNEL_HEIGHT", g.KernelHeight), new("KERNEL_WIDTH", g.KernelWidth),
            new("STRIDE_Y", g.StrideY), new("STRIDE_X", g.StrideX),
            new("PHASE_Y", g.PaddingY % g.StrideY), new("PHASE_X", g.PaddingX % g.StrideX),
            new("CHANNELS", channels), new("STRIP", WindowStrip(in g, dtype)),
        ]);

    /// <summary>The bytes of a group's weights: those of a channel of sources in whole packs.</summary>
    private static long WindowShared(in ConvGeometry g, int sources, int results, DType dtype) =>
        sources * CeilDiv((long)g.Taps * results * dtype.Size(), PackBytes) * PackBytes;
}
