using System.Text.Json.Serialization;

namespace CudaBn.Cli;

/// <summary>Reads and writes <see cref="RunHistory"/>, by code that is made when this is compiled. Statistics of a network
/// that diverged are no numbers, and are kept as such.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals)]
[JsonSerializable(typeof(RunHistory))]
internal sealed partial class RunHistoryJson : JsonSerializerContext;
