namespace CudaBn.Tests.TensorBoard;

/// <summary>An event of a file, as its description has it.</summary>
internal sealed record LoggedEvent(double WallTime, long Step, string? Version, string? Tag, double? Scalar, ProtobufFields? Histogram)
{
    public static List<LoggedEvent> ReadAll(string path) => [.. TfRecordFile.Read(path).Select(Parse)];

    private static LoggedEvent Parse(byte[] record)
    {
        var message = new ProtobufFields(record);
        if (message.Has(3))
            return new LoggedEvent(message.Double(1), message.Int64(2), message.String(3), null, null, null);
        var value = message.Message(5).Message(1);
        return new LoggedEvent(
            message.Double(1), message.Int64(2), null, value.String(1), value.Has(2) ? value.Float(2) : null,
            value.Has(5) ? value.Message(5) : null);
    }
}
