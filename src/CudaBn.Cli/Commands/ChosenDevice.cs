using CudaBn.Backends.Cpu;

namespace CudaBn.Cli;

/// <summary>The device that --device and --threads ask for.</summary>
/// <param name="Device">The device.</param>
/// <param name="Reason">Why this one.</param>
internal sealed record ChosenDevice(Device Device, string Reason)
{
    public static ChosenDevice Open(string name, int? threads)
    {
        try
        {
            var device = Device.Parse(name, out var reason);
            return threads is { } count && device.Kind == DeviceKind.Cpu
                ? new ChosenDevice(new CpuBackend(count).Device, reason)
                : new ChosenDevice(device, reason);
        }
        catch (ArgumentException)
        {
            throw new UsageException($"--device {name}: expected auto, cpu, cuda or cuda:N.");
        }
    }
}
