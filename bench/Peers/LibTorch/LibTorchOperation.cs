using TorchSharp;

namespace CudaBn.Bench;

/// <summary>An operation of libtorch: its results are tensors of its own, which live until the next run.</summary>
internal sealed class LibTorchOperation(Func<IReadOnlyList<torch.Tensor>> run) : IDisposable
{
    public IReadOnlyList<torch.Tensor> Results { get; private set; } = [];

    public void Run()
    {
        Dispose();
        Results = run();
    }

    public void Dispose()
    {
        foreach (var result in Results)
            result.Dispose();
        Results = [];
    }
}
