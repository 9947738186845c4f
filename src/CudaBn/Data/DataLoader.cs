using System.Collections;
using CudaBn.Backends.OpArgs;

namespace CudaBn;

/// <summary>Cuts a data set into batches. The data set lives on the device as bytes, which are scaled to real numbers when
/// a batch is made, and augmented and normalized there if asked for; the order of an epoch is uploaded once.</summary>
/// <remarks>Enumerating the loader is one epoch. The tensors of a batch belong to the loader and are overwritten by the
/// next batch. The order of epoch e, and how it changes images, depend on the seed and e alone. One epoch runs at a time:
/// starting another ends the one under way.</remarks>
public sealed class DataLoader : IEnumerable<Batch>, IDisposable
{
    // Kept apart from the streams of parameters, which count up from 0.
    private const uint FirstShuffleStream = 0x8000_0000;

    private readonly Workspace _batch = new();
    private readonly Workspace _labels = new();
    private readonly Tensor _images;
    private readonly Tensor _allLabels;
    private readonly Tensor _order;
    private readonly Tensor _cursor;
    private readonly ImageTransform? _transform;
    private readonly int[] _hostOrder;
    private readonly Shape _fullShape;
    private readonly Shape _lastShape;
    private readonly Shape _fullLabels;
    private readonly Shape _lastLabels;
    private long _epochsStarted;

    /// <summary>Uploads a data set.</summary>
    /// <param name="dataset">Images and labels.</param>
    /// <param name="batchSize">Images per batch, above 0.</param>
    /// <param name="device">Where batches are made; the CPU when null.</param>
    /// <param name="dtype">Element type of the images of a batch: Float32 or Float64.</param>
    /// <param name="shuffle">Whether every epoch has an order of its own; else that of the data set.</param>
    /// <param name="seed">Which orders.</param>
    /// <param name="dropLast">Whether a last batch that is not full is left out.</param>
    /// <param name="divisor">What a byte is divided by. Finite, not 0.</param>
    /// <param name="augmentation">How images are changed at random, for training; null to leave them as they are.</param>
    /// <param name="normalization">What the divided values of every channel become, in training and evaluation alike; null
    /// to leave them as they are.</param>
    /// <exception cref="ArgumentException">A value is outside its range, no batch would be left, the crop could miss the
    /// image, or the normalization is one of another number of channels.</exception>
    public DataLoader(
        ImageDataset dataset,
        int batchSize,
        Device? device = null,
        DType dtype = DType.Float32,
        bool shuffle = false,
        ulong seed = 0,
        bool dropLast = false,
        double divisor = 255,
        Augmentation? augmentation = null,
        Normalization? normalization = null)
    {
        ArgumentNullException.ThrowIfNull(dataset);
        if (batchSize <= 0)
            throw new ArgumentException($"DataLoader: batch size {batchSize} must be positive.", nameof(batchSize));
        if (!dtype.IsReal())
            throw new ArgumentException($"DataLoader makes Float32 or Float64 images, not {dtype}.", nameof(dtype));
        if (!double.IsFinite(divisor) || divisor == 0)
            throw new ArgumentException($"DataLoader: divisor {divisor} must be finite and not 0.", nameof(divisor));
        if (dropLast && batchSize > dataset.Count)
            throw new ArgumentException(
                $"DataLoader: no batch of {batchSize} is left of {dataset.Count} images without the short one.",
                nameof(batchSize));
        if (augmentation is not null && augmentation.CropPadding >= Math.Min(dataset.Height, dataset.Width))
            throw new ArgumentException(
                $"DataLoader: a crop of images of {dataset.Height}x{dataset.Width} padded by {augmentation.CropPadding} "
                + $"could hold nothing but padding; expected at most {Math.Min(dataset.Height, dataset.Width) - 1}.",
                nameof(augmentation));
        if (normalization is not null && normalization.Means.Count != dataset.Channels)
            throw new ArgumentException(
                $"DataLoader: a normalization of {normalization.Means.Count} channels does not fit images of "
                + $"{dataset.Channels}.",
                nameof(normalization));
        Dataset = dataset;
        BatchSize = batchSize;
        Device = device ?? Device.Cpu;
        DType = dtype;
        IsShuffled = shuffle;
        Seed = seed;
        DropsLast = dropLast;
        Divisor = divisor;
        Augmentation = augmentation;
        Normalization = normalization;

        var (full, rest) = Math.DivRem(dataset.Count, batchSize);
        BatchCount = full + (rest > 0 && !dropLast ? 1 : 0);
        _fullShape = [Math.Min(batchSize, dataset.Count), dataset.Channels, dataset.Height, dataset.Width];
        _fullLabels = [_fullShape[0]];
        _lastShape = rest == 0 ? _fullShape : [rest, dataset.Channels, dataset.Height, dataset.Width];
        _lastLabels = [_lastShape[0]];

        _images = Upload(dataset.Images.Span, [dataset.Count, dataset.Channels, dataset.Height, dataset.Width]);
        _allLabels = Upload(dataset.Labels.Span, [dataset.Count]);
        _order = new Tensor([dataset.Count], DType.Int32, Device);
        _cursor = Tensor.Zeros([1], DType.Int64, Device);
        _hostOrder = new int[dataset.Count];
        if (augmentation is not null || normalization is not null)
            _transform = new ImageTransform(
                UploadLevels(), augmentation?.CropPadding ?? 0, augmentation?.HorizontalFlip ?? false, seed,
                Tensor.Zeros([1], DType.Int32, Device));
    }

    /// <summary>The data set.</summary>
    public ImageDataset Dataset { get; }

    /// <summary>Images per full batch.</summary>
    public int BatchSize { get; }

    /// <summary>Batches per epoch.</summary>
    public int BatchCount { get; }

    /// <summary>Images per epoch.</summary>
    public int ImageCount => DropsLast ? BatchCount * BatchSize : Dataset.Count;

    /// <summary>Where batches are made.</summary>
    public Device Device { get; }

    /// <summary>The element type of the images of a batch.</summary>
    public DType DType { get; }

    /// <summary>Whether every epoch has an order of its own.</summary>
    public bool IsShuffled { get; }

    /// <summary>Which orders.</summary>
    public ulong Seed { get; }

    /// <summary>Whether a last batch that is not full is left out.</summary>
    public bool DropsLast { get; }

    /// <summary>What a byte is divided by.</summary>
    public double Divisor { get; }

    /// <summary>How images are changed at random; null where they are not.</summary>
    public Augmentation? Augmentation { get; }

    /// <summary>What the divided values of every channel become; null where they stay as they are.</summary>
    public Normalization? Normalization { get; }

    /// <summary>The number of the next epoch, from 0. It selects the order and the random changes.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The number is negative.</exception>
    public int NextEpoch
    {
        get;
        set
        {
            ArgumentOutOfRangeException.ThrowIfNegative(value);
            field = value;
        }
    }

    /// <summary>How many batches of the epoch under way were made: 0 before the first one, <see cref="BatchCount"/> from its end
    /// until the next begins.</summary>
    public int BatchesMade { get; private set; }

    /// <summary>Which epoch is under way, or ended last; null before the first.</summary>
    internal int? CurrentEpoch { get; private set; }

    /// <summary>The batches that the epoch under way still has, none where no epoch is: enumerating them goes on with it where
    /// an enumeration was left early, or after <see cref="Checkpoint.Load"/>.</summary>
    /// <returns>Its batches from <see cref="BatchesMade"/> on.</returns>
    /// <exception cref="InvalidOperationException">While they were enumerated, another enumeration took its
    /// place.</exception>
    public IEnumerable<Batch> Remaining()
    {
        if (CurrentEpoch is null)
            yield break;
        var started = _epochsStarted;
        for (var i = BatchesMade; i < BatchCount; i++)
        {
            var batch = Claim(started, i);
            Gather(batch);
            yield return batch;
        }
    }

    /// <summary>Starts an epoch.</summary>
    /// <returns>Its batches.</returns>
    public Enumerator GetEnumerator()
    {
        StartEpoch();
        return new Enumerator(this);
    }

    IEnumerator<Batch> IEnumerable<Batch>.GetEnumerator() => GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>Releases the data set's copy on the device and the batch.</summary>
    public void Dispose()
    {
        _batch.Dispose();
        _labels.Dispose();
        _images.Dispose();
        _allLabels.Dispose();
        _order.Dispose();
        _cursor.Dispose();
        _transform?.Levels.Dispose();
        _transform?.Epoch.Dispose();
    }

    /// <summary>Uploads the number of the next epoch and its order.</summary>
    /// <returns>What <see cref="Claim"/> asks for.</returns>
    internal long StartEpoch() => StartEpoch(NextEpoch++);

    /// <summary>Whether an epoch is the one under way, or ended and was not followed by another.</summary>
    internal bool IsCurrent(long started) => started == _epochsStarted;

    /// <summary>Goes back, or forward, to some place of some epoch.</summary>
    /// <param name="nextEpoch">What <see cref="NextEpoch"/> was.</param>
    /// <param name="epoch">What <see cref="CurrentEpoch"/> was.</param>
    /// <param name="batchesMade">What <see cref="BatchesMade"/> was.</param>
    /// <returns>What <see cref="Claim"/> asks for.</returns>
    internal long Restore(int nextEpoch, int? epoch, int batchesMade)
    {
        NextEpoch = nextEpoch;
        if (epoch is { } number)
            StartEpoch(number);
        else
            _epochsStarted++;
        CurrentEpoch = epoch;
        BatchesMade = batchesMade;
        _cursor.CopyFrom<long>([Math.Min((long)batchesMade * BatchSize, ImageCount)]);
        return _epochsStarted;
    }

    private long StartEpoch(int epoch)
    {
        for (var i = 0; i < _hostOrder.Length; i++)
            _hostOrder[i] = i;
        if (IsShuffled)
        {
            // Fisher and Yates, from the back.
            ulong next = 0;
            for (var i = _hostOrder.Length - 1; i > 0; i--)
            {
                var j = (int)Philox.Below((uint)i + 1, Seed, FirstShuffleStream + (uint)epoch, ref next);
                (_hostOrder[i], _hostOrder[j]) = (_hostOrder[j], _hostOrder[i]);
            }
        }

        _order.CopyFrom<int>(_hostOrder);
        _transform?.Epoch.CopyFrom<int>([epoch]);
        Device.Backend.Clear(_cursor);
        CurrentEpoch = epoch;
        BatchesMade = 0;
        return ++_epochsStarted;
    }

    /// <summary>The tensors of the next batch, which <see cref="Gather"/> must be called for once: the cursor lives on the
    /// device and is shared, so an epoch that is not the latest would read past the order.</summary>
    internal Batch Claim(long epoch, int index)
    {
        if (epoch != _epochsStarted || index != BatchesMade)
            throw new InvalidOperationException(
                $"DataLoader: batch {index} was asked for after another enumeration took its place.");
        var isLast = index == BatchCount - 1 && !DropsLast;
        var images = _batch.Get(isLast ? _lastShape : _fullShape, DType, Device);
        var labels = _labels.Get(isLast ? _lastLabels : _fullLabels, DType.Int32, Device);
        BatchesMade++;
        return new Batch(images, labels);
    }

    /// <summary>Fills the tensors of a batch.</summary>
    internal void Gather(Batch batch) => Device.Backend.GatherBatch(new GatherBatchArgs(
        _images, _allLabels, _order, _cursor, Divisor, batch.Images, batch.Labels, _transform));

    /// <summary>[channels, 256]: what every byte of a channel becomes, in double and then rounded.</summary>
    private Tensor UploadLevels()
    {
        const int levels = 256;
        var values = new double[Dataset.Channels * levels];
        for (var i = 0; i < values.Length; i++)
        {
            var (channel, level) = Math.DivRem(i, levels);
            values[i] = level / Divisor;
            if (Normalization is { } normal)
                values[i] = (values[i] - normal.Means[channel]) / normal.Stds[channel];
        }

        Shape shape = [Dataset.Channels, levels];
        return DType == DType.Float32
            ? Tensor.From(Array.ConvertAll(values, value => (float)value), shape, Device)
            : Tensor.From(values, shape, Device);
    }

    private Tensor Upload(ReadOnlySpan<byte> bytes, Shape shape)
    {
        var tensor = new Tensor(shape, DType.UInt8, Device);
        tensor.CopyFrom(bytes);
        return tensor;
    }

    /// <summary>Walks over the batches of an epoch.</summary>
    public struct Enumerator : IEnumerator<Batch>
    {
        private readonly DataLoader _loader;
        private readonly long _epoch;
        private int _next;

        internal Enumerator(DataLoader loader) => (_loader, _epoch) = (loader, loader._epochsStarted);

        /// <inheritdoc/>
        public Batch Current { get; private set; }

        readonly object IEnumerator.Current => Current;

        /// <inheritdoc/>
        /// <exception cref="InvalidOperationException">The loader was enumerated again since.</exception>
        public bool MoveNext()
        {
            if (_next == _loader.BatchCount)
                return false;
            Current = _loader.Claim(_epoch, _next);
            _loader.Gather(Current);
            _next++;
            return true;
        }

        /// <summary>Not supported: an epoch runs once.</summary>
        /// <exception cref="NotSupportedException">Always.</exception>
        public readonly void Reset() => throw new NotSupportedException("An epoch runs once: enumerate the loader again.");

        /// <inheritdoc/>
        public readonly void Dispose()
        {
        }
    }
}
