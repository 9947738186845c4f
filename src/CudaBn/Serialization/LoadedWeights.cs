using CudaBn.Serialization;

namespace CudaBn;

/// <summary>What <see cref="Layer.Load"/> found in a file.</summary>
/// <param name="Metadata">The free-form texts kept in the file.</param>
/// <param name="Missing">Tensors of the model that the file lacks.</param>
/// <param name="Unexpected">Tensors of the file that the model lacks.</param>
/// <param name="Misshapen">Tensors that both have, of different shapes.</param>
/// <param name="Mistyped">Tensors that both have, of element types that do not go together: only widening is
/// exact.</param>
public sealed record LoadedWeights(
    IReadOnlyDictionary<string, string> Metadata,
    IReadOnlyList<string> Missing,
    IReadOnlyList<string> Unexpected,
    IReadOnlyList<WeightMismatch> Misshapen,
    IReadOnlyList<WeightMismatch> Mistyped)
{
    // More are counted in the text, for nobody reads them.
    private const int MostNamed = 20;

    /// <summary>Whether file and model have the same tensors, so that all of the model was replaced.</summary>
    public bool IsComplete => Missing.Count + Unexpected.Count + Misshapen.Count + Mistyped.Count == 0;

    /// <summary>The lists in one line, of each the first twenty names.</summary>
    /// <returns>The text.</returns>
    public override string ToString() => IsComplete
        ? "complete"
        : string.Join("; ", ((string?[])
        [
            List("missing", Missing.Select(BrokenFile.Escape), Missing.Count),
            List("unexpected", Unexpected.Select(BrokenFile.Escape), Unexpected.Count),
            List("of another shape", Misshapen.Select(mismatch => $"{mismatch}"), Misshapen.Count),
            List("of another type", Mistyped.Select(mismatch => $"{mismatch}"), Mistyped.Count),
        ]).OfType<string>());

    private static string? List(string title, IEnumerable<string> names, int count) => count == 0
        ? null
        : $"{title}: {string.Join(", ", names.Take(MostNamed))}"
            + (count > MostNamed ? $" and {count - MostNamed} more" : "");
}
