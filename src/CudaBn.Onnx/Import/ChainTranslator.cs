namespace CudaBn.Onnx.Import;

/// <summary>Makes layers of a chain of nodes and blocks, following the shape of the values.</summary>
internal sealed class ChainTranslator(ModelGraph graph)
{
    /// <param name="items">The chain.</param>
    /// <param name="shape">The shape of what it is fed with; becomes that of what it makes.</param>
    /// <exception cref="InvalidDataException">A node does what no layer does: the message names it.</exception>
    public List<ImportedItem> Translate(IReadOnlyList<GraphItem> items, ref Shape shape)
    {
        var layers = new List<ImportedItem>();
        for (var i = 0; i < items.Count;)
            i += items[i] is GraphBlock block
                ? Translate(block, ref shape, layers)
                : Translate([.. items.Skip(i).Take(3).Select(item => item as GraphNode)], ref shape, layers);
        return layers;
    }

    private int Translate(GraphBlock block, ref Shape shape, List<ImportedItem> layers)
    {
        Shape main = shape, shortcut = shape;
        var mainItems = Translate(block.Main, ref main);
        var shortcutItems = Translate(block.Shortcut, ref shortcut);
        if (mainItems.Count == 0)
            throw graph.Fault(block.Add, "a branch with a layer in it");
        if (main != shortcut)
            throw graph.Fault(block.Add, $"two branches of one shape, found {main} and {shortcut}");
        var path = graph.IsExported
            ? block.Add.Name == block.Add.OpType ? null : LayerPath.Of(block.Add.Name)
            : LayerPath.Common(LayerTree.LayersOf(mainItems.Concat(shortcutItems)).Select(layer => layer.Path).OfType<string[]>());
        layers.Add(new ImportedBlock(path, mainItems, shortcutItems));
        shape = main;
        return 1;
    }

    /// <summary>Makes a layer, or none, of the first of up to three neighbours, or of it with those behind.</summary>
    /// <returns>How many of them that took.</returns>
    private int Translate(GraphNode?[] nodes, ref Shape shape, List<ImportedItem> layers)
    {
        var call = new NodeCall(graph, nodes[0]!, shape);
        var next = nodes.Length > 1 && nodes[1] is { } second ? new NodeCall(graph, second, shape) : null;
        var last = nodes.Length > 2 && nodes[2] is { } third ? new NodeCall(graph, third, shape) : null;
        var taken = 1;
        var layer = call.Operator switch
        {
            "Identity" => null,
            "Transpose" => TransposeReading.Read(call, next, last, out taken),
            "BatchNormalization" => BatchNormReading.Read(call, channelsLast: false),
            "Conv" => ConvReading.Read(call, next, border: null, out taken),
            "Pad" => PadReading.Read(call, next, last, out taken),
            "Gemm" => LinearReading.ReadGemm(call),
            "MatMul" when shape.Rank > 2 => AdaptiveAvgPoolReading.Read(call),
            "MatMul" => LinearReading.ReadMatMul(call, next, out taken),
            "MaxPool" => PoolReading.ReadMax(call),
            "AveragePool" => PoolReading.ReadAverage(call, next, out taken),
            "GlobalAveragePool" => call.Layer(() => new GlobalAvgPool()),
            "ReduceMean" => PoolReading.ReadMean(call),
            "Flatten" or "Reshape" or "Squeeze" => FlattenReading.Read(call, next, last, out taken),
            "Sub" => NormalizationReading.Read(call, next, out taken),
            "Dropout" => ActivationReading.ReadDropout(call),
            _ => ActivationReading.Read(call),
        };
        for (var i = 0; i < taken; i++)
            new[] { call, next, last }[i]!.Attributes.RequireNoMore();
        if (layer is null)
            return taken;
        shape = call.OutputOf(layer.Layer);
        if (layers.LastOrDefault() is ImportedLayer before && AdaptiveAvgPoolReading.Merged(before, layer) is { } merged)
            layers[^1] = merged;
        else
            layers.Add(layer);
        // A mean that does not keep its axes, and a layer that does.
        if (call.Operator == "ReduceMean" && call.Attributes.Int("keepdims", 1) == 0)
        {
            var flatten = new ImportedLayer(new Flatten(), Path: null, []);
            shape = new NodeCall(graph, nodes[0]!, shape).OutputOf(flatten.Layer);
            layers.Add(flatten);
        }

        return taken;
    }
}
