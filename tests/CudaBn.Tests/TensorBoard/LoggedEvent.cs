namespace CudaBn.Tests.TensorBoard;

/// <summary>An event of a file, as its description has it.</summary>
internal sealed record LoggedEvent(double WallTime, long Step, string? Version, string? Tag, double? Scalar, ProtobufFields? Histogram)
{
    /// <summary>Whether a session starts.</summary>
    public bool IsStart { get; private init; }

    public static List<LoggedEvent> ReadAll(string path) => [.. TfRecordFile.Read(path).Select(Parse)];

    /// <summary>What TensorBoard shows of a folder: its files in the order of their names, where every start of a session but the
    /// first voids what there is of its step and later ones.</summary>
    public static List<LoggedEvent> ReadFolder(string folder)
    {
        var (shown, isFirst) = (new List<LoggedEvent>(), true);
        foreach (var logged in Directory.GetFiles(folder).Order(StringComparer.Ordinal).SelectMany(ReadAll))
        {
            if (logged.Tag is not null)
                shown.Add(logged);
            if (!logged.IsStart)
                continue;
            if (!isFirst)
                shown.RemoveAll(earlier => earlier.Step >= logged.Step);
            isFirst = false;
        }

        return shown;
    }

    /// <summary>The steps of a tag, as they come.</summary>
    public static long[] StepsOf(IEnumerable<LoggedEvent> events, string tag) =>
        [.. events.Where(logged => logged.Tag == tag).Select(logged => logged.Step)];

    private static LoggedEvent Parse(byte[] record)
    {
        var message = new ProtobufFields(record);
        if (message.Has(3))
            return new LoggedEvent(message.Double(1), message.Int64(2), message.String(3), null, null, null);
        if (message.Has(7))
            return new LoggedEvent(message.Double(1), message.Int64(2), null, null, null, null)
            {
                IsStart = message.Message(7).Int64(1) == 1,
            };
        var value = message.Message(5).Message(1);
        return new LoggedEvent(
            message.Double(1), message.Int64(2), null, value.String(1), value.Has(2) ? value.Float(2) : null,
            value.Has(5) ? value.Message(5) : null);
    }
}
