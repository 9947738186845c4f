using TorchSharp;

namespace CudaBn.Bench;

/// <summary>Tensors of libtorch, and what brings them here and back.</summary>
internal static class LibTorch
{
    public const string PeerName = "libtorch";

    /// <summary>A copy of a tensor on the CPU.</summary>
    public static torch.Tensor Of(Tensor tensor)
    {
        var sizes = new long[tensor.Shape.Rank];
        for (var i = 0; i < sizes.Length; i++)
            sizes[i] = tensor.Shape[i];
        return torch.tensor(tensor.ToArray<float>(), sizes);
    }

    /// <summary>Writes what libtorch computed to a tensor of this library, which the checks read.</summary>
    public static void Copy(torch.Tensor source, Tensor destination) =>
        destination.CopyFrom<float>(source.contiguous().data<float>().ToArray());

    /// <summary>The gradients of a result by some inputs; its forward pass is not repeated.</summary>
    public static IReadOnlyList<torch.Tensor> Gradients(
        torch.Tensor result, torch.Tensor gradOutput, params IReadOnlyList<torch.Tensor> inputs) =>
        [.. torch.autograd.grad([result], [.. inputs], [gradOutput], retain_graph: true)];
}
