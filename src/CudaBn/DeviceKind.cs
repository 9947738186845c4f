namespace CudaBn;

/// <summary>What kind of device a <see cref="Device"/> is.</summary>
public enum DeviceKind
{
    /// <summary>The processor, through managed vector instructions.</summary>
    Cpu,

    /// <summary>An NVIDIA GPU.</summary>
    Cuda,
}
