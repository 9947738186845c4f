namespace CudaBn.Backends.Cuda.Native;

/// <summary>What results of the driver mean.</summary>
internal static class CudaResults
{
    /// <summary>Whether a context that gave this result gives nothing else any more.</summary>
    public static bool IsFatal(this CudaResult result) => result
        is CudaResult.EccUncorrectable or CudaResult.IllegalAddress or CudaResult.LaunchTimeout
        or CudaResult.ContextIsDestroyed or CudaResult.Assert or CudaResult.HardwareStackError
        or CudaResult.IllegalInstruction or CudaResult.MisalignedAddress or CudaResult.InvalidAddressSpace
        or CudaResult.InvalidProgramCounter or CudaResult.LaunchFailed;
}
