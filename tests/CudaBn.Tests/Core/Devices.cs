namespace CudaBn.Tests.Core;

/// <summary>The devices that the fixtures of the library run on.</summary>
public static class Devices
{
    /// <summary>Every device of this machine.</summary>
    public static IEnumerable<Device> All => [Device.Cpu];
}
