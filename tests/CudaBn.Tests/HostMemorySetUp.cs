using CudaBn.Backends.Cpu;
using NUnit.Framework;

namespace CudaBn.Tests;

/// <summary>Has every block of memory of the CPU looked at when it is released.</summary>
[SetUpFixture]
public class HostMemorySetUp
{
    [OneTimeSetUp]
    public void Watch() => HostMemory.WatchesEnds = true;
}
