namespace CudaBn.Tests.Support;

/// <summary>A way of running the operators that every fixture is repeated on.</summary>
/// <param name="Name">How test names show it.</param>
/// <param name="Open">Makes or takes a device, or ignores the test where there is none.</param>
/// <param name="IsShared">Whether fixtures share the device; else each disposes the backend of its own.</param>
public sealed record TestBackend(string Name, Func<Device> Open, bool IsShared = false)
{
    public override string ToString() => Name;
}
