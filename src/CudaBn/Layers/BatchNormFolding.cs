namespace CudaBn;

/// <summary>Folds the batch normalizations of a model into the weights of the layers before them.</summary>
/// <remarks>With running statistics y = gamma * (w * x + b - mean) * invStd + beta is a line in x again: of weight
/// w * gamma * invStd and bias (b - mean) * gamma * invStd + beta.</remarks>
internal sealed class BatchNormFolding
{
    private readonly Dictionary<Layer, List<BatchNorm>> _folded = [];
    private readonly HashSet<Layer> _gone = [];
    private readonly List<(Layer Copy, Layer Original)> _copies = [];
    private IAffineLayer? _previous;

    private BatchNormFolding()
    {
    }

    /// <summary>A model of its own, which gives in evaluation what <paramref name="model"/> gives there.</summary>
    public static Sequential Fold(Sequential model)
    {
        var folding = new BatchNormFolding();
        folding.Find(model);
        var folded = (Sequential)folding.CopyOf(model)!;
        folded.Initialize(model.Device, model.DType);
        folded.IsTraining = false;
        foreach (var (copy, original) in folding._copies)
            folding.Fill(copy, original);
        return folded;
    }

    /// <summary>Walks through the layers as the data do. Whatever stands between two layers, and a fork or a sum, keeps them
    /// apart.</summary>
    private void Find(Layer layer)
    {
        switch (layer)
        {
            case Sequential sequential:
                foreach (var inner in sequential.Layers)
                    Find(inner);
                break;
            case Container container:
                foreach (var inner in container.Layers)
                {
                    _previous = null;
                    Find(inner);
                }

                _previous = null;
                break;
            case BatchNorm { TracksRunningStatistics: true, ChannelsLast: false } batchNorm
                when _previous?.Outputs == batchNorm.Channels:
                _folded[(Layer)_previous].Add(batchNorm);
                _gone.Add(batchNorm);
                break;
            case IAffineLayer affine:
                _folded.Add(layer, []);
                _previous = affine;
                break;
            default:
                _previous = null;
                break;
        }
    }

    /// <summary>The copy of a layer; null where nothing is left of it.</summary>
    private Layer? CopyOf(Layer layer)
    {
        if (_gone.Contains(layer))
            return null;
        Layer copy;
        if (layer is Container container)
        {
            Layer[] inner = [.. container.Layers.Select(CopyOf).OfType<Layer>()];
            if (inner.Length == 0)
                return null;
            copy = container.Copy(inner);
        }
        else
        {
            copy = layer is IAffineLayer affine && _folded[layer].Count > 0 ? affine.Copy(bias: true) : layer.Copy();
            _copies.Add((copy, layer));
        }

        if (layer.Name.Length > 0)
            copy.Name = layer.Name;
        return copy;
    }

    private void Fill(Layer copy, Layer original)
    {
        if (original is IAffineLayer affine && _folded[original].Count > 0)
        {
            FillFolded((IAffineLayer)copy, affine, _folded[original]);
            return;
        }

        foreach (var (to, from) in copy.State.Zip(original.State))
            copy.Device.Backend.Copy(from.Tensor, to.Tensor);
    }

    // In double, so that folding rounds each number once.
    private static void FillFolded(IAffineLayer copy, IAffineLayer original, List<BatchNorm> folded)
    {
        var weight = original.Weight!.Value.ToDoubles();
        var bias = original.Bias is { } own ? own.Value.ToDoubles() : new double[original.Outputs];
        var perOutput = weight.Length / original.Outputs;
        foreach (var batchNorm in folded)
        {
            var (mean, variance) = (batchNorm.RunningMean!.ToDoubles(), batchNorm.RunningVariance!.ToDoubles());
            var gamma = batchNorm.GammaValue is { } scales ? scales.ToDoubles() : null;
            var beta = batchNorm.Beta is { } shifts ? shifts.Value.ToDoubles() : null;
            for (var k = 0; k < bias.Length; k++)
            {
                var scale = (gamma?[k] ?? 1) / Math.Sqrt(variance[k] + batchNorm.Epsilon);
                bias[k] = (bias[k] - mean[k]) * scale + (beta?[k] ?? 0);
                foreach (ref var value in weight.AsSpan(k * perOutput, perOutput))
                    value *= scale;
            }
        }

        copy.Weight!.Value.CopyFromDoubles(weight);
        copy.Bias!.Value.CopyFromDoubles(bias);
    }
}
