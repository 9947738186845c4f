namespace CudaBn.Cli;

/// <summary>The mode of a network and what training forward passes change in it, put back when this is
/// disposed.</summary>
internal sealed class SavedStatistics : IDisposable
{
    private readonly Sequential _model;
    private readonly bool _wasTraining;
    private readonly (Tensor Original, Tensor Copy)[] _statistics;

    public SavedStatistics(Sequential model)
    {
        (_model, _wasTraining) = (model, model.IsTraining);
        var parameters = model.Parameters.Select(parameter => parameter.Value).ToHashSet();
        _statistics = [.. model.State.Select(state => state.Tensor).Where(tensor => !parameters.Contains(tensor)).Select(Copied)];
    }

    public void Dispose()
    {
        foreach (var (original, copy) in _statistics)
        {
            original.CopyFrom(copy);
            copy.Dispose();
        }

        _model.IsTraining = _wasTraining;
    }

    private static (Tensor Original, Tensor Copy) Copied(Tensor original)
    {
        var copy = new Tensor(original.Shape, original.DType, original.Device);
        copy.CopyFrom(original);
        return (original, copy);
    }
}
