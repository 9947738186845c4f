namespace CudaBn.Backends.Cpu;

internal sealed unsafe partial class CpuOperators<TSimd, TVector, T>
{
    /// <summary>The chunks of the first parameter, then those of the second, ...</summary>
    private static int ElementChunks(IReadOnlyList<Parameter> parameters)
    {
        var chunks = 0;
        for (var i = 0; i < parameters.Count; i++)
            chunks = checked(chunks + ElementChunks(parameters[i].Value.ElementCount));
        return chunks;
    }

    /// <summary>Which parameter a chunk is of, and which of its elements it has.</summary>
    private static (int Index, long Start, long End) ElementRange(int chunk, IReadOnlyList<Parameter> parameters)
    {
        var index = 0;
        while (chunk >= ElementChunks(parameters[index].Value.ElementCount))
            chunk -= ElementChunks(parameters[index++].Value.ElementCount);
        var (start, end) = ElementRange(chunk, parameters[index].Value.ElementCount);
        return (index, start, end);
    }

    /// <summary>Whether a loss that was not finite stops all updates.</summary>
    private static bool IsStopped(Tensor? watch) => watch is not null && ((long*)watch.Address)[1] != 0;

    private static double ScaleOf(Tensor? gradientScale) => gradientScale is null ? 1 : *(double*)gradientScale.Address;
}
