namespace CudaBn.Bench;

/// <summary>Marks a benchmark as what another library does for the same work.</summary>
/// <param name="library">Its name.</param>
/// <param name="of">The benchmark of this library that it is compared with.</param>
[AttributeUsage(AttributeTargets.Method)]
public sealed class PeerAttribute(string library, string of) : Attribute
{
    public string Library { get; } = library;

    public string Of { get; } = of;
}
