using System.Globalization;

namespace CudaBn.Bench;

/// <summary>How much memory a benchmark may ask for.</summary>
public static class MachineMemory
{
    /// <summary>Bytes that can be had without swapping.</summary>
    public static long Available()
    {
        if (OperatingSystem.IsLinux())
        {
            foreach (var line in File.ReadLines("/proc/meminfo"))
            {
                if (line.StartsWith("MemAvailable:", StringComparison.Ordinal))
                {
                    var kilobytes = line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1];
                    // What a container may use can be less than what the machine has.
                    return Math.Min(
                        long.Parse(kilobytes, CultureInfo.InvariantCulture) * 1024,
                        GC.GetGCMemoryInfo().TotalAvailableMemoryBytes);
                }
            }
        }

        var memory = GC.GetGCMemoryInfo();
        return memory.TotalAvailableMemoryBytes - memory.MemoryLoadBytes;
    }
}
