namespace CudaBn.Bench;

/// <summary>Marks a benchmark as what another library does for the same work.</summary>
/// <param name="name">The name of the library.</param>
/// <param name="of">The benchmark of this library that it is compared with.</param>
[AttributeUsage(AttributeTargets.Method)]
public sealed class PeerAttribute(string name, string of) : Attribute
{
    public string Name { get; } = name;

    public string Of { get; } = of;
}
