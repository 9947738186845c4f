using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;

namespace CudaBn.Bench;

/// <summary>How busy other processes keep the machine over a stretch of time.</summary>
public sealed partial class ProcessorUse
{
    private readonly (TimeSpan Busy, TimeSpan Stolen)? _machine = Machine();
    private readonly TimeSpan _own = Environment.CpuUsage.TotalTime;
    private readonly long _start = Stopwatch.GetTimestamp();

    /// <summary>The processor time since the making of this that other processes, and on a virtual machine other machines,
    /// took, as a share of all there was; null where the system does not tell.</summary>
    public double? OthersShare()
    {
        if (_machine is not { } before || Machine() is not { } now)
            return null;
        var others = now.Busy - before.Busy - (Environment.CpuUsage.TotalTime - _own) + (now.Stolen - before.Stolen);
        return Math.Clamp(others / (Stopwatch.GetElapsedTime(_start) * Environment.ProcessorCount), 0, 1);
    }

    private static (TimeSpan Busy, TimeSpan Stolen)? Machine()
    {
        if (OperatingSystem.IsLinux())
            return OfProcStat(File.ReadLines("/proc/stat").First());
        if (OperatingSystem.IsWindows() && GetSystemTimes(out var idle, out var kernel, out var user))
        {
            // Kernel time includes idle time.
            return (new TimeSpan(kernel + user - idle), TimeSpan.Zero);
        }

        return null;
    }

    /// <summary>Reads the first line of /proc/stat: user, nice, system, idle, iowait, irq, softirq and steal, in hundredths
    /// of a second (proc(5)).</summary>
    internal static (TimeSpan Busy, TimeSpan Stolen) OfProcStat(string line)
    {
        var ticks = line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1..]
            .Select(text => TimeSpan.FromMilliseconds(10 * long.Parse(text, CultureInfo.InvariantCulture))).ToArray();
        return (ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6], ticks[7]);
    }

    // Each time is a FILETIME: two halves of a number of 100 nanoseconds, which is what a TimeSpan counts.
    [LibraryImport("kernel32")]
    [return: MarshalAs(UnmanagedType.Bool)]
    private static partial bool GetSystemTimes(out long idle, out long kernel, out long user);
}
