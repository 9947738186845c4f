using CudaBn.Backends.OpArgs;

namespace CudaBn.Backends.Cuda;

public sealed unsafe partial class CudaBackend
{
    // As in conv_small_groups.cu.
    private const int SmallGroupThreads = 128;
    private const int SmallGroupColumns = 10;

    // Where a tile of 32 rows would be empty by three quarters.
    private const int MaxSmallGroup = 8;

    internal static readonly KernelFile ConvSmallGroupsFile = new("conv_small_groups.cu");

    /// <summary>Whether the rows of a product of matrices, a group's channels, are too few for a tile.</summary>
    private static bool IsSmallGroup(int groups, int channels) => groups > 1 && channels <= MaxSmallGroup;

    /// <summary>Runs the direct kernel if the output channels of a group are few.</summary>
    /// <returns>Whether it ran.</returns>
    private bool TryConvForwardSmallGroups(in ConvForwardArgs args)
    {
        var g = args.Geometry;
        if (!IsSmallGroup(g.Groups, g.GroupOutChannels))
            return false;
        Kernel(ConvSmallGroupsFile, "conv_small_groups_forward", args.Input.DType).Launch(
            Blocks(CeilDiv(args.Output.ElementCount, SmallGroupThreads)), SmallGroupThreads,
            [KernelArgument.Struct(&g), args.Input, args.Weight, args.Bias, args.Output]);
        return true;
    }

    /// <summary>Runs the direct kernel of the input gradient if the input channels of a group are few.</summary>
    /// <returns>Whether it ran.</returns>
    private bool TryConvBackwardInputSmallGroups(in ConvBackwardArgs args)
    {
        var g = args.Geometry;
        if (!IsSmallGroup(g.Groups, g.GroupInChannels))
            return false;
        Kernel(ConvSmallGroupsFile, "conv_small_groups_backward_input", args.Input.DType).Launch(
            Blocks(CeilDiv(args.GradInput!.ElementCount, SmallGroupThreads)), SmallGroupThreads,
            [KernelArgument.Struct(&g), args.Weight, args.GradOutput, args.GradInput]);
        return true;
    }

    /// <summary>Runs the direct kernel of the weight gradient if the output channels of a group are few.</summary>
    /// <returns>Whether it ran.</returns>
    private bool TryConvBackwardWeightSmallGroups(in ConvBackwardArgs args, int columns)
    {
        var g = args.Geometry;
        if (!IsSmallGroup(g.Groups, g.GroupOutChannels))
            return false;
        var tiles = g.OutChannels * CeilDiv(columns, SmallGroupColumns);
        var positions = (long)g.Batch * g.OutPlaces;
        // Blocks for all multiprocessors, but no thread with fewer than a few positions.
        var splits = Math.Clamp(8L * MultiprocessorCount / tiles, 1, CeilDiv(positions, 8 * SmallGroupThreads));
        var perSplit = CeilDiv(positions, splits);
        splits = CeilDiv(positions, perSplit);

        var dtype = args.Input.DType;
        var partials = Scratch(splits * g.OutChannels * columns * dtype.Size());
        Kernel(ConvSmallGroupsFile, "conv_small_groups_backward_weight", dtype).Launch(
            Blocks(tiles * splits), SmallGroupThreads,
            [KernelArgument.Struct(&g), args.Input, args.GradOutput, columns, perSplit, partials]);
        SumSplits(in args, columns, partials, (int)splits);
        return true;
    }
}
