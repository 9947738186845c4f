namespace CudaBn.Cli;

/// <summary>What bounds an operator.</summary>
internal enum WorkUnit
{
    /// <summary>Floating-point operations.</summary>
    Flop,

    /// <summary>Bytes of memory.</summary>
    Byte,
}
