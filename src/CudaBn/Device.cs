using System.Globalization;
using CudaBn.Backends;
using CudaBn.Backends.Cpu;
using CudaBn.Backends.Cuda;

namespace CudaBn;

/// <summary>Where tensors live and operators run.</summary>
public sealed class Device
{
    private static readonly Lazy<Device> LazyCpu = new(() => new CpuBackend().Device);
    private static readonly Dictionary<int, Device> _cuda = [];

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
        if (CudaDiagnosis.OfThisMachine.ProblemOf(0) is { } problem)
        {
            reason = $"the CPU, because {problem.What}";
            return Cpu;
        }

        try
        {
            var device = Cuda();
            reason = "the GPU, because it is faster than the CPU";
            return device;
        }
        catch (Exception e) when (e is CudaException or PlatformNotSupportedException)
        {
            reason = $"the CPU, because the GPU does not open: {e.Message.TrimEnd('.')}";
            return Cpu;
        }
    }

    /// <summary>A GPU. Every call for the same one gives the same device, unless its backend was disposed.</summary>
    /// <param name="index">Which, from 0, in the order of the driver: usually the fastest first.</param>
    /// <returns>The device.</returns>
    /// <exception cref="PlatformNotSupportedException">There is no such GPU, or the driver or NVRTC is missing or too old;
    /// the message says how to mend it.</exception>
    /// <exception cref="CudaException">The GPU does not open.</exception>
    public static Device Cuda(int index = 0)
    {
        lock (_cuda)
        {
            if (!_cuda.TryGetValue(index, out var device) || ((CudaBackend)device.Backend).IsDisposed)
                _cuda[index] = device = new CudaBackend(index).Device;
            return device;
        }
    }

    /// <summary>The device that a text names, as on the command line.</summary>
    /// <param name="name"><c>auto</c>, <c>cpu</c>, <c>cuda</c> or <c>cuda:N</c>.</param>
    /// <param name="reason">One sentence that says why this device.</param>
    /// <returns>The device.</returns>
    /// <exception cref="ArgumentException">The text names no device.</exception>
    /// <exception cref="PlatformNotSupportedException">The device named is not to be had on this machine.</exception>
    /// <exception cref="CudaException">The GPU named does not open.</exception>
    public static Device Parse(string name, out string reason)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (name == "auto")
            return Best(out reason);

        reason = $"{name}, because it was asked for";
        if (name == "cpu")
            return Cpu;
        if (name == "cuda")
            return Cuda();
        if (name.StartsWith("cuda:", StringComparison.Ordinal)
            && int.TryParse(name.AsSpan(5), NumberStyles.None, CultureInfo.InvariantCulture, out var index))
            return Cuda(index);
        throw new ArgumentException($"Device '{name}' is none of auto, cpu, cuda and cuda:N.", nameof(name));
    }

    /// <summary><c>cpu</c> or <c>cuda:0</c>.</summary>
    /// <returns>The text, which <see cref="Parse"/> understands.</returns>
    public override string ToString() => Kind == DeviceKind.Cpu ? "cpu" : $"cuda:{Index}";
}
