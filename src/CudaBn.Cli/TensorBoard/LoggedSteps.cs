using System.Buffers.Binary;
using Google.Protobuf;

namespace CudaBn.Cli;

/// <summary>Of which steps the event files of a folder hold a number.</summary>
internal static class LoggedSteps
{
    /// <summary>The steps of a tag, as TensorBoard comes to see them: sessions that started anew in between count.</summary>
    /// <param name="folder">The folder, which need not be there.</param>
    /// <param name="tag">The tag.</param>
    /// <exception cref="IOException">A file cannot be read.</exception>
    public static HashSet<long> Of(string folder, string tag)
    {
        var steps = new HashSet<long>();
        if (!Directory.Exists(folder))
            return steps;
        var isFirstSession = true;
        foreach (var path in Directory.GetFiles(folder, $"{EventFile.Stem}*").Order(StringComparer.Ordinal))
        {
            foreach (var record in Records(path))
            {
                var (step, isStart, tags) = Parse(record);
                if (tags.Contains(tag))
                    steps.Add(step);
                if (!isStart)
                    continue;
                if (!isFirstSession)
                    steps.RemoveWhere(known => known >= step);
                isFirstSession = false;
            }
        }

        return steps;
    }

    // Up to the first that is torn or changed, as readers do.
    private static IEnumerable<byte[]> Records(string path)
    {
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        var head = new byte[12];
        var tail = new byte[4];
        while (stream.ReadAtLeast(head, head.Length, throwOnEndOfStream: false) == head.Length)
        {
            var length = BinaryPrimitives.ReadInt64LittleEndian(head);
            if (BinaryPrimitives.ReadUInt32LittleEndian(head.AsSpan(8)) != MaskedCrc32C.Of(head.AsSpan(0, 8))
                || length < 0 || length > stream.Length - stream.Position - tail.Length || length > Array.MaxLength)
                yield break;
            var record = new byte[length];
            stream.ReadExactly(record);
            stream.ReadExactly(tail);
            if (BinaryPrimitives.ReadUInt32LittleEndian(tail) != MaskedCrc32C.Of(record))
                yield break;
            yield return record;
        }
    }

    private static (long Step, bool IsStart, List<string> Tags) Parse(byte[] record)
    {
        var (step, isStart, tags) = (0L, false, new List<string>());
        ForEachField(new CodedInputStream(record), (number, input) =>
        {
            switch (number)
            {
                case 2:
                    step = input.ReadInt64();
                    return true;
                case 5:
                    AddTags(input.ReadBytes(), tags);
                    return true;
                case 7:
                    input.ReadBytes();
                    isStart = true;
                    return true;
                default:
                    return false;
            }
        });
        return (step, isStart, tags);
    }

    private static void AddTags(ByteString summary, List<string> tags) =>
        ForEachField(summary.CreateCodedInput(), (number, input) =>
        {
            if (number != 1)
                return false;
            ForEachField(input.ReadBytes().CreateCodedInput(), (inner, value) =>
            {
                if (inner != 1)
                    return false;
                tags.Add(value.ReadString());
                return true;
            });
            return true;
        });

    // read: whether it has read the field, which is passed over else.
    private static void ForEachField(CodedInputStream input, Func<int, CodedInputStream, bool> read)
    {
        for (var tag = input.ReadTag(); tag != 0; tag = input.ReadTag())
        {
            if (!read(WireFormat.GetTagFieldNumber(tag), input))
                input.SkipLastField();
        }
    }
}
