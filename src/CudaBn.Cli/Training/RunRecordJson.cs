using System.Text.Json.Serialization;

namespace CudaBn.Cli;

/// <summary>Reads and writes <see cref="RunRecord"/>, by code that is made when this is compiled.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true,
    IgnoreReadOnlyProperties = true)]
[JsonSerializable(typeof(RunRecord))]
internal sealed partial class RunRecordJson : JsonSerializerContext;
