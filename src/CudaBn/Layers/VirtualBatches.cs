using System.Diagnostics;

namespace CudaBn;

/// <summary>A batch taken as several of consecutive images, each normalized by itself: views of the batch's tensors, and room
/// for what each virtual batch leaves. A loop over the same tensors allocates nothing.</summary>
/// <param name="size">Images of a virtual batch; the last may have fewer.</param>
/// <param name="channels">C.</param>
internal sealed class VirtualBatches(int size, int channels) : IDisposable
{
    // Input, output and their gradients, of full and of last batches.
    private const int TensorsKept = 8;

    private readonly List<(Tensor Whole, Tensor[] Parts)> _known = [];
    private Statistic? _mean;
    private Statistic? _invStd;
    private Statistic? _gradGamma;
    private Statistic? _gradBeta;

    /// <summary>How many virtual batches a batch is.</summary>
    public int CountIn(Shape batch) => (batch[0] - 1) / size + 1;

    /// <summary>Images of the last virtual batch of a batch.</summary>
    public int LastIn(Shape batch) => batch[0] - (CountIn(batch) - 1) * size;

    /// <summary>The virtual batches of a tensor, in order.</summary>
    public Tensor[] PartsOf(Tensor whole)
    {
        foreach (var (known, parts) in _known)
        {
            if (ReferenceEquals(known, whole))
                return parts;
        }

        if (_known.Count == TensorsKept)
            _known.RemoveAt(0);
        var added = Cut(whole);
        _known.Add((whole, added));
        return added;
    }

    /// <summary>Room for the mean of every virtual batch: Float64 [C] each.</summary>
    public Tensor[] Means(int count, Device device) => Room(ref _mean, count, DType.Float64, device).Rows;

    /// <summary>Room for the inverse deviation of every virtual batch: Float64 [C] each.</summary>
    public Tensor[] InvStds(int count, Device device) => Room(ref _invStd, count, DType.Float64, device).Rows;

    /// <summary>Room for gamma's gradient by every virtual batch: [C] each.</summary>
    public Statistic GradGamma(int count, DType dtype, Device device) => Room(ref _gradGamma, count, dtype, device);

    /// <summary>Room for beta's gradient by every virtual batch: [C] each.</summary>
    public Statistic GradBeta(int count, DType dtype, Device device) => Room(ref _gradBeta, count, dtype, device);

    public void Dispose()
    {
        _known.Clear();
        foreach (var statistic in new[] { _mean, _invStd, _gradGamma, _gradBeta })
            statistic?.All.Dispose();
    }

    private Tensor[] Cut(Tensor whole)
    {
        var sizes = whole.Shape.Sizes.ToArray();
        var image = whole.ElementCount / sizes[0];
        var parts = new Tensor[CountIn(whole.Shape)];
        for (var i = 0; i < parts.Length; i++)
        {
            sizes[0] = i == parts.Length - 1 ? LastIn(whole.Shape) : size;
            parts[i] = whole.Part((long)i * size * image, new Shape(sizes));
        }

        return parts;
    }

    private Statistic Room(ref Statistic? statistic, int count, DType dtype, Device device)
    {
        if (statistic is null || statistic.Rows.Length < count)
        {
            statistic?.All.Dispose();
            var all = new Tensor([count, channels], dtype, device);
            var rows = new Tensor[count];
            for (var i = 0; i < count; i++)
                rows[i] = all.Part((long)i * channels, [channels]);
            statistic = new Statistic(all, rows);
        }

        Debug.Assert(statistic.All.DType == dtype && statistic.All.Device == device, "A layer has one type and device.");
        return statistic;
    }

    /// <summary>A vector for each virtual batch.</summary>
    /// <param name="All">[count or more, C].</param>
    /// <param name="Rows">Its rows.</param>
    public sealed record Statistic(Tensor All, Tensor[] Rows);
}
