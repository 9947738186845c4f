using System.Text.Json.Serialization;

namespace CudaBn.Cli;

/// <summary>Writes <see cref="PredictionReport"/>, by code that is made when this is compiled.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true)]
[JsonSerializable(typeof(PredictionReport))]
internal sealed partial class PredictionReportJson : JsonSerializerContext;
