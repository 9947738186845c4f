namespace CudaBn;

/// <summary>Shifts and scales every channel of an image when a batch is made: y = (x - mean) / std, where x is a byte over
/// the loader's divisor. As torchvision's Normalize behind ToTensor.</summary>
/// <remarks>A network must be evaluated with the constants it was trained with.</remarks>
public sealed class Normalization
{
    /// <summary>Takes given constants.</summary>
    /// <param name="means">The mean of each channel. Finite.</param>
    /// <param name="stds">The standard deviation of each channel. Finite, above 0.</param>
    /// <exception cref="ArgumentException">There are no channels or not as many means as deviations, or a value is outside
    /// its range.</exception>
    public Normalization(IReadOnlyList<double> means, IReadOnlyList<double> stds)
    {
        ArgumentNullException.ThrowIfNull(means);
        ArgumentNullException.ThrowIfNull(stds);
        if (means.Count == 0 || means.Count != stds.Count)
            throw new ArgumentException(
                $"Normalization: expected a mean and a standard deviation for each channel, got {means.Count} and "
                + $"{stds.Count}.");
        for (var channel = 0; channel < means.Count; channel++)
        {
            if (!double.IsFinite(means[channel]))
                throw new ArgumentException(
                    $"Normalization: mean {means[channel]} of channel {channel} must be finite.", nameof(means));
            if (!double.IsFinite(stds[channel]) || stds[channel] <= 0)
                throw new ArgumentException(
                    $"Normalization: standard deviation {stds[channel]} of channel {channel} must be finite and above 0.",
                    nameof(stds));
        }

        (Means, Stds) = (Array.AsReadOnly([.. means]), Array.AsReadOnly([.. stds]));
    }

    /// <summary>The mean of each channel.</summary>
    public IReadOnlyList<double> Means { get; }

    /// <summary>The standard deviation of each channel.</summary>
    public IReadOnlyList<double> Stds { get; }

    /// <summary>The constants that give a data set mean 0 and deviation 1 in every channel, for loaders of divisor
    /// 255.</summary>
    /// <param name="dataset">The images to train on.</param>
    /// <returns>Its <see cref="ImageDataset.ChannelMeans"/> and <see cref="ImageDataset.ChannelStds"/>.</returns>
    /// <exception cref="ArgumentException">All pixels of a channel are the same.</exception>
    public static Normalization Of(ImageDataset dataset)
    {
        ArgumentNullException.ThrowIfNull(dataset);
        return new Normalization(dataset.ChannelMeans(), dataset.ChannelStds());
    }
}
