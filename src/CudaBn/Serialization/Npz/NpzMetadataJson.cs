using System.Text.Json.Serialization;

namespace CudaBn.Serialization;

/// <summary>Reads and writes the texts of an archive's comment, by code that is made when this is compiled.</summary>
[JsonSerializable(typeof(Dictionary<string, string>))]
internal sealed partial class NpzMetadataJson : JsonSerializerContext;
