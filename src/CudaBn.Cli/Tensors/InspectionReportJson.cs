using System.Text.Json.Serialization;

namespace CudaBn.Cli;

/// <summary>Writes <see cref="InspectionReport"/>, by code that is made when this is compiled.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true)]
[JsonSerializable(typeof(InspectionReport))]
internal sealed partial class InspectionReportJson : JsonSerializerContext;
