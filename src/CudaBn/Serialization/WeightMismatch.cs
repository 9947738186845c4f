using CudaBn.Serialization;

namespace CudaBn;

/// <summary>A tensor that a file and a model both have, but not alike.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Found">The file's shape or element type, such as [8, 1] or F64.</param>
/// <param name="Expected">The model's.</param>
public readonly record struct WeightMismatch(string Name, string Found, string Expected)
{
    /// <summary>All three: <c>fc1.weight [8, 1] instead of [1, 8]</c>.</summary>
    /// <returns>The text.</returns>
    public override string ToString() => $"{BrokenFile.Escape(Name)} {Found} instead of {Expected}";
}
