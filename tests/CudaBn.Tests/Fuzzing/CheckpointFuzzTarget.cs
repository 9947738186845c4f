using System.Text;
using System.Text.Json;
using CudaBn.Serialization;
using CudaBn.Tests.Serialization;

namespace CudaBn.Tests.Fuzzing;

/// <summary>Checkpoints, and texts of checkpoints whose hash is right.</summary>
internal sealed class CheckpointFuzzTarget : FuzzTarget
{
    public override IReadOnlyList<FuzzSeed> Seeds()
    {
        using var folder = new TemporaryFolder();
        using var run = new CheckpointRun(new CheckpointSetup());
        run.Save(folder["c"]);
        using var reader = new SafeTensorsReader(folder["c"]);
        var texts = Encoding.UTF8.GetBytes(string.Join('\n', reader.Metadata.Select(text => $"{text.Key}={text.Value}")));
        return [new(File.ReadAllBytes(folder["c"])), new(texts, OfTexts)];
    }

    public override void Read(string path) => CheckpointFile.Read(path);

    private static byte[] OfTexts(byte[] lines)
    {
        var texts = new Dictionary<string, string>();
        foreach (var line in Encoding.UTF8.GetString(lines).Split('\n'))
        {
            var parts = line.Split('=', 2);
            texts[parts[0]] = parts[^1];
        }

        using var hash = new CheckpointHash(texts);
        return SafeTensorsFile.Bytes(
            $$$"""
            {"__metadata__":{{{JsonSerializer.Serialize(texts)}}},
             "sha256":{"dtype":"U8","shape":[32],"data_offsets":[0,32]}}
            """,
            hash.Finish());
    }
}
