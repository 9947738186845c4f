using CudaBn.Backends;
using CudaBn.Backends.Cpu;

namespace CudaBn;

/// <summary>Where tensors live and operators run.</summary>
public sealed class Device
{
    private static readonly Lazy<Device> LazyCpu = new(() => new CpuBackend().Device);

    internal Device(DeviceKind kind, int index, string description, Backend backend)
    {
        Kind = kind;
        Index = index;
        Description = description;
        Backend = backend;
    }

    /// <summary>The processor, with a thread for every core this process may use.</summary>
    /// <remarks>For another number of threads make a <see cref="CpuBackend"/> and use its device.</remarks>
    public static Device Cpu => LazyCpu.Value;

    /// <summary>What kind of device this is.</summary>
    public DeviceKind Kind { get; }

    /// <summary>Which of the devices of its kind, from 0.</summary>
    public int Index { get; }

    /// <summary>The device in words: its vector instructions and threads, or the name of the GPU.</summary>
    public string Description { get; }

    /// <summary>The operators of this device.</summary>
    public Backend Backend { get; }

    /// <summary>The fastest device of this machine. Never throws because a GPU is missing.</summary>
    /// <returns>The device.</returns>
    public static Device Best() => Best(out _);

    /// <summary>The fastest device of this machine. Never throws because a GPU is missing.</summary>
    /// <param name="reason">One sentence that says why it was chosen.</param>
    /// <returns>The device.</returns>
    public static Device Best(out string reason)
    {
        reason = "the CPU, because this build of CudaBn has no CUDA backend";
        return Cpu;
    }

    /// <summary>The device that a text names, as on the command line.</summary>
    /// <param name="name"><c>auto</c>, <c>cpu</c>, <c>cuda</c> or <c>cuda:N</c>.</param>
    /// <param name="reason">One sentence that says why this device.</param>
    /// <returns>The device.</returns>
    /// <exception cref="ArgumentException">The text names no device.</exception>
    /// <exception cref="PlatformNotSupportedException">The device named is not to be had on this machine.</exception>
    public static Device Parse(string name, out string reason)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (name == "auto")
            return Best(out reason);

        reason = $"{name}, because it was asked for";
        if (name == "cpu")
            return Cpu;
        if (name == "cuda" || (name.StartsWith("cuda:", StringComparison.Ordinal)
            && int.TryParse(name.AsSpan(5), System.Globalization.NumberStyles.None, null, out _)))
            throw new PlatformNotSupportedException(
                $"Device '{name}' is not to be had: this build of CudaBn has no CUDA backend. Use cpu or auto.");
        throw new ArgumentException($"Device '{name}' is none of auto, cpu, cuda and cuda:N.", nameof(name));
    }

    /// <summary><c>cpu</c> or <c>cuda:0</c>.</summary>
    /// <returns>The text, which <see cref="Parse"/> understands.</returns>
    public override string ToString() => Kind == DeviceKind.Cpu ? "cpu" : $"cuda:{Index}";
}
