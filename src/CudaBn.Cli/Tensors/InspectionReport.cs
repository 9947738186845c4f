using CudaBn.Serialization;

namespace CudaBn.Cli;

/// <summary>What <c>cudabn inspect --json</c> writes.</summary>
/// <param name="File">The file as it was named.</param>
/// <param name="Format">safetensors or npz.</param>
/// <param name="Bytes">The length of the file.</param>
/// <param name="Metadata">The texts kept in it.</param>
/// <param name="Tensors">Every tensor, in the order of the file.</param>
/// <param name="Totals">All of them together.</param>
internal sealed record InspectionReport(
    string File,
    string Format,
    long Bytes,
    IReadOnlyDictionary<string, string> Metadata,
    IReadOnlyList<InspectionReport.Row> Tensors,
    InspectionReport.Sums Totals)
{
    public static InspectionReport Of(ITensorFile file, IReadOnlyList<InspectedTensor> tensors) => new(
        file.Path, file.Format, new FileInfo(file.Path).Length, file.Metadata, [.. tensors.Select(Row.Of)], Sums.Of(tensors));

    /// <summary>One tensor. Least, greatest, mean and norm are those of its finite elements; null if it has none. All that is told
    /// of elements is null where their type is one that is not read.</summary>
    internal sealed record Row(
        string Name, string Dtype, IReadOnlyList<long> Shape, long Bytes,
        double? Min, double? Max, double? Mean, double? Norm, long? Nan, long? Inf)
    {
        public static Row Of(InspectedTensor tensor) => new(
            tensor.Entry.Name, tensor.Entry.DType, tensor.Entry.Shape, tensor.Entry.Length,
            tensor.Statistics.Min, tensor.Statistics.Max, tensor.Statistics.Mean, tensor.Statistics.Norm,
            tensor.Statistics.AreRead ? tensor.Statistics.NaNs : null,
            tensor.Statistics.AreRead ? tensor.Statistics.Infinities : null);
    }

    /// <summary>All tensors together.</summary>
    internal sealed record Sums(int Tensors, long Values, long Bytes, long Nan, long Inf)
    {
        public static Sums Of(IReadOnlyList<InspectedTensor> tensors) => new(
            tensors.Count,
            tensors.Sum(tensor => tensor.Statistics.Count),
            tensors.Sum(tensor => tensor.Entry.Length),
            tensors.Sum(tensor => tensor.Statistics.NaNs),
            tensors.Sum(tensor => tensor.Statistics.Infinities));
    }
}
