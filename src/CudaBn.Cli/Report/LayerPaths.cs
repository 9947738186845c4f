namespace CudaBn.Cli;

/// <summary>Names the layers of a network by where they are.</summary>
internal static class LayerPaths
{
    /// <summary>A network's layers, each before those inside it, with their names and those of the containers around them
    /// joined by dots, as saved parameters have them; the network itself has an empty one.</summary>
    public static IEnumerable<(string Path, Layer Layer)> PathsOfLayers(this Layer model) => Below("", model);

    private static IEnumerable<(string Path, Layer Layer)> Below(string prefix, Layer layer) => layer.InnerLayers
        .SelectMany(inner => Below(inner.PrefixWithin(prefix), inner))
        .Prepend((prefix.TrimEnd('.'), layer));
}
