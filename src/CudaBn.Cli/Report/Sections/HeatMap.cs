using System.Runtime.InteropServices;

namespace CudaBn.Cli;

/// <summary>A statistic of a layer as a picture: a row for every channel, a column for every epoch. Its colors are
/// translucent, so that it is read on light and on dark paper.</summary>
internal sealed class HeatMap
{
    // Rows of a few channels are not to be bars, and those of hundreds are to be seen.
    private const int TallestRow = 10;
    private const int WantedHeight = 256;

    private readonly string _layer;
    private readonly string _statistic;
    private readonly string _look;
    private readonly int[] _epochs;
    private readonly float[][] _values;
    private readonly (string Low, string Middle, string High) _scale;
    private readonly string _picture;

    private HeatMap(
        string layer, string statistic, string look, int[] epochs, float[][] values, (string, string, string) scale,
        string picture)
    {
        (_layer, _statistic, _look, _epochs, _values, _scale, _picture) =
            (layer, statistic, look, epochs, values, scale, picture);
    }

    /// <summary>Means, in one color below 0 and another above.</summary>
    /// <param name="layer">The layer.</param>
    /// <param name="epochs">The epochs.</param>
    /// <param name="values">[epochs][channels].</param>
    public static HeatMap OfMeans(string layer, int[] epochs, float[][] values)
    {
        var greatest = values.SelectMany(channels => channels).Where(float.IsFinite).Select(Math.Abs).DefaultIfEmpty().Max();
        var text = Figures.ThreeDigits(greatest);
        var shares = ByChannel(values, value => greatest == 0 ? 0 : value / greatest);
        return new HeatMap(
            layer, "running mean", "mean", epochs, values, ($"−{text}", "0", text), HeatColors.Signed(shares, values.Length));
    }

    /// <summary>Variances, by their logarithm.</summary>
    /// <inheritdoc cref="OfMeans"/>
    public static HeatMap OfVariances(string layer, int[] epochs, float[][] values)
    {
        var positive = values.SelectMany(channels => channels).Where(value => value > 0 && float.IsFinite(value)).ToArray();
        var (low, high) = positive.Length == 0 ? (1.0, 1.0) : (positive.Min(), positive.Max());
        var range = Math.Log(high / low);
        var shares = ByChannel(
            values, value => !float.IsFinite(value) ? value : value <= 0 ? 0 : range == 0 ? 1 : Math.Log(value / low) / range);
        return new HeatMap(
            layer, "running variance", "variance", epochs, values,
            (Figures.ThreeDigits(low), "log", Figures.ThreeDigits(high)), HeatColors.Positive(shares, values.Length));
    }

    public void Write(HtmlText html)
    {
        var channels = _values[0].Length;
        var height = channels * Math.Clamp((int)Math.Round((double)WantedHeight / channels), 1, TallestRow);
        html.Add($"""
            <div class="heat {_look}">
            <p class="statistic">{_statistic}</p>
            <div class="channels" aria-hidden="true"><span>0</span><span>{channels - 1}</span></div>
            <img class="pixels" src="{_picture}" width="{_epochs.Length}" height="{height}" alt="{_statistic} of the {channels} channels of {_layer} at epochs {_epochs[0]} to {_epochs[^1]}, from {_scale.Low} to {_scale.High}" data-layer="{_layer}, {_statistic}" data-epochs="{string.Join(',', _epochs)}" data-values="{Values()}">
            <p class="epochs" aria-hidden="true"><span>{_epochs[0]}</span><span>epoch</span><span>{_epochs[^1]}</span></p>
            <p class="scale" aria-hidden="true"><span>{_scale.Low}</span><i>{_scale.Middle}</i><span>{_scale.High}</span></p>
            </div>

            """);
    }

    private static double[] ByChannel(float[][] values, Func<float, double> share)
    {
        var (columns, rows) = (values.Length, values[0].Length);
        var shares = new double[rows * columns];
        for (var i = 0; i < shares.Length; i++)
            shares[i] = share(values[i % columns][i / columns]);
        return shares;
    }

    // [channels, epochs] for the script, each the upper half of a float (bfloat16), rounded, little-endian.
    private string Values()
    {
        var halves = new ushort[_values.Length * _values[0].Length];
        for (var i = 0; i < halves.Length; i++)
            halves[i] = UpperHalf(_values[i % _values.Length][i / _values.Length]);
        return Convert.ToBase64String(MemoryMarshal.AsBytes(halves.AsSpan()));
    }

    private static ushort UpperHalf(float value)
    {
        var bits = BitConverter.SingleToUInt32Bits(value);
        return (ushort)(float.IsFinite(value) ? (bits + 0x7fff + ((bits >> 16) & 1)) >> 16 : bits >> 16);
    }
}
