namespace CudaBn.Onnx.Import;

/// <summary>Puts layers into containers by their names.</summary>
internal static class LayerTree
{
    /// <summary>The model; null where there is no layer.</summary>
    public static Sequential? Build(IReadOnlyList<ImportedItem> items) =>
        Layers(items, level: 0) is { Length: > 0 } layers ? new Sequential(layers) : null;

    /// <summary>The layers of all items, also within blocks.</summary>
    public static IEnumerable<ImportedLayer> LayersOf(IEnumerable<ImportedItem> items) => items.SelectMany(item => item switch
    {
        ImportedBlock block => LayersOf(block.Main.Concat(block.Shortcut)),
        _ => [(ImportedLayer)item],
    });

    // Neighbours that share a name at this level are in one container. What has no name joins those around it.
    private static Layer[] Layers(IReadOnlyList<ImportedItem> items, int level)
    {
        var layers = new List<Layer>();
        var names = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < items.Count;)
        {
            var path = items[i].Path;
            if (path is null || path.Length <= level + 1)
            {
                Add(LayerOf(items[i++], level), path is not null && path.Length > level ? path[level] : null);
                continue;
            }

            var end = i + 1;
            for (var j = end; j < items.Count && IsWithin(items[j], path[level], level) is not false; j++)
            {
                if (items[j].Path is not null)
                    end = j + 1;
            }

            Add(new Sequential(Layers([.. items.Take(i..end)], level + 1)), path[level]);
            i = end;
        }

        return [.. layers];

        void Add(Layer layer, string? name)
        {
            if (name is not null)
            {
                var unused = name;
                for (var number = 2; !names.Add(unused); number++)
                    unused = $"{name}_{number}";
                layer.Name = unused;
            }

            layers.Add(layer);
        }
    }

    // Null where it has no name.
    private static bool? IsWithin(ImportedItem item, string container, int level) =>
        item.Path is null ? null : item.Path.Length > level + 1 && item.Path[level] == container;

    private static Layer LayerOf(ImportedItem item, int level)
    {
        if (item is not ImportedBlock block)
            return ((ImportedLayer)item).Layer;
        var inner = block.Path?.Length ?? level;
        var shortcut = block.Shortcut.Count == 0 ? null : Branch(Layers(block.Shortcut, inner), beside: null);
        var main = Branch(Layers(block.Main, inner), shortcut);
        if (shortcut is null)
            return new Residual(main);
        // Names that a residual block would give, or that both branches have.
        if (NameOf(main, "main") == NameOf(shortcut, "shortcut"))
            (main, shortcut) = (new Sequential(main), new Sequential(shortcut));
        return new Residual(main, shortcut);
    }

    private static string NameOf(Layer layer, string otherwise) => layer.Name.Length > 0 ? layer.Name : otherwise;

    // The layers of a row are named within the block, as in other writers' files, unless the other branch has such a name.
    private static Layer Branch(Layer[] layers, Layer? beside)
    {
        if (layers is [var only])
            return only;
        var row = new Sequential(layers);
        var taken = (beside?.NamesOutside ?? []).Append("main").Append("shortcut");
        return row.Layers.SelectMany(layer => layer.NamesOutside).Intersect(taken).Any()
            ? row
            : new Sequential(layers) { OmitsName = true };
    }
}
