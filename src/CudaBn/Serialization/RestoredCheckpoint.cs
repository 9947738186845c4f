namespace CudaBn;

/// <summary>Where training goes on from.</summary>
/// <param name="Path">The file that was loaded.</param>
/// <param name="Metadata">The free-form texts kept in it.</param>
/// <param name="Warnings">For each newer file, which was passed over because it is damaged, what is wrong with it; newest
/// first. Worth showing to people: the steps since are lost.</param>
public sealed record RestoredCheckpoint(
    string Path, IReadOnlyDictionary<string, string> Metadata, IReadOnlyList<string> Warnings);
