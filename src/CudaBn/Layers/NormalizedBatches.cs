using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;

namespace CudaBn;

/// <summary>The batches that a batch normalization takes each by itself, with room for what each leaves: a whole batch, or
/// virtual ones of consecutive images, which are views of the batch's tensors. A loop over the same tensors allocates
/// nothing.</summary>
/// <param name="size">Images of a virtual batch, of which the last may have fewer; null for the whole batch.</param>
/// <param name="channels">C.</param>
internal sealed class NormalizedBatches(int? size, int channels) : IDisposable
{
    // Input, output, addend, what pooling keeps, and the gradients, of full batches and of an epoch's last.
    private const int TensorsKept = 16;

    private readonly List<(Tensor Whole, Tensor[] Parts)> _known = [];
    private Statistic? _mean;
    private Statistic? _invStd;
    private Statistic? _gradGamma;
    private Statistic? _gradBeta;

    /// <summary>How many batches a batch is taken as.</summary>
    public int CountIn(Shape batch) => size is { } images ? (batch[0] - 1) / images + 1 : 1;

    /// <summary>Images in the last of the batches that a batch is taken as.</summary>
    public int LastIn(Shape batch) => ImagesOf(batch, CountIn(batch) - 1);

    /// <summary>One of the batches as which a batch's tensor is taken; null of null.</summary>
    [return: NotNullIfNotNull(nameof(whole))]
    public Tensor? Part(Tensor? whole, int index) =>
        whole is null || CountIn(whole.Shape) == 1 ? whole : PartsOf(whole)[index];

    /// <summary>The mean of one of some batches: Float64 [C].</summary>
    public Tensor Mean(int index, int count, Device device) => Room(ref _mean, count, DType.Float64, device).Rows[index];

    /// <summary>The inverse deviation of one of some batches: Float64 [C].</summary>
    public Tensor InvStd(int index, int count, Device device) =>
        Room(ref _invStd, count, DType.Float64, device).Rows[index];

    /// <summary>Room for gamma's gradient by each of some batches.</summary>
    public Statistic GradGamma(int count, DType dtype, Device device) => Room(ref _gradGamma, count, dtype, device);

    /// <summary>Room for beta's gradient by each of some batches.</summary>
    public Statistic GradBeta(int count, DType dtype, Device device) => Room(ref _gradBeta, count, dtype, device);

    public void Dispose()
    {
        _known.Clear();
        foreach (var statistic in new[] { _mean, _invStd, _gradGamma, _gradBeta })
            statistic?.All.Dispose();
    }

    private Tensor[] PartsOf(Tensor whole)
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

    private Tensor[] Cut(Tensor whole)
    {
        var sizes = whole.Shape.Sizes.ToArray();
        var image = whole.ElementCount / sizes[0];
        var parts = new Tensor[CountIn(whole.Shape)];
        for (var (i, first) = (0, 0L); i < parts.Length; i++, first += sizes[0] * image)
        {
            sizes[0] = ImagesOf(whole.Shape, i);
            parts[i] = whole.Part(first, new Shape(sizes));
        }

        return parts;
    }

    private int ImagesOf(Shape batch, int index) =>
        size is { } images ? Math.Min(images, batch[0] - index * images) : batch[0];

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

    /// <summary>A vector for each batch.</summary>
    /// <param name="All">[count or more, C].</param>
    /// <param name="Rows">Its rows.</param>
    public sealed record Statistic(Tensor All, Tensor[] Rows);
}
