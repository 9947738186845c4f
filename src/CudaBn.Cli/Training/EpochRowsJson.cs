using System.Text.Json.Serialization;

namespace CudaBn.Cli;

/// <summary>Reads and writes the epochs of a run, all digits of their numbers, by code that is made when this is
/// compiled.</summary>
[JsonSourceGenerationOptions(NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals)]
[JsonSerializable(typeof(List<EpochRow>))]
internal sealed partial class EpochRowsJson : JsonSerializerContext;
