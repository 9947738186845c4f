namespace CudaBn;

/// <summary>Memory that a layer reuses every step: grown to the largest shape asked for, with one view kept per
/// shape, so that a steady loop allocates nothing and sees the same tensors again.</summary>
internal sealed class Workspace : IDisposable
{
    private readonly List<Tensor> _views = [];
    private Tensor? _memory;

    public Tensor Get(Shape shape, DType dtype, Device device)
    {
        foreach (var view in _views)
        {
            if (view.Shape == shape && view.DType == dtype && view.Device == device)
                return view;
        }

        if (_memory is null || _memory.Device != device || _memory.ByteLength < shape.ElementCount * dtype.Size())
        {
            Dispose();
            _memory = new Tensor(shape, dtype, device);
        }

        var added = new Tensor(shape, dtype, device, _memory.Storage, ownsStorage: false);
        _views.Add(added);
        return added;
    }

    public void Dispose()
    {
        _views.Clear();
        _memory?.Dispose();
        _memory = null;
    }
}
