namespace CudaBn.Backends.Cuda;

/// <summary>Why a GPU is not to be had.</summary>
/// <param name="What">Half a sentence that goes on after "because".</param>
/// <param name="Remedy">One line on how to mend it.</param>
internal sealed record CudaProblem(string What, string Remedy)
{
    public PlatformNotSupportedException ToException(string device) =>
        new($"Device '{device}' is not to be had, because {What}: {Remedy}.");
}
