namespace CudaBn.Tests.Support;

/// <summary>A way of running the operators that every fixture is repeated on.</summary>
/// <param name="Name">How test names show it.</param>
/// <param name="Create">Makes a device of its own, whose backend the fixture disposes.</param>
public sealed record TestBackend(string Name, Func<Device> Create)
{
    public override string ToString() => Name;
}
