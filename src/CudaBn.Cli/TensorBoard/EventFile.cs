using System.Buffers.Binary;

namespace CudaBn.Cli;

/// <summary>A file of events that TensorBoard reads: TFRecords, each a message of the type Event of TensorBoard's
/// event.proto and summary.proto, whose field numbers stand here.</summary>
/// <remarks>A record is its length (64 bits), the masked CRC-32C of that, the message, and the masked CRC-32C of it; all
/// little-endian.</remarks>
internal sealed class EventFile : IDisposable
{
    private const string Version = "brain.Event:2";

    private readonly FileStream _stream;

    /// <summary>Makes a new file.</summary>
    /// <param name="folder">Where; made if it is not there.</param>
    /// <exception cref="IOException">It cannot be made.</exception>
    public EventFile(string folder)
    {
        try
        {
            Directory.CreateDirectory(folder);
            _stream = Open(folder);
        }
        catch (UnauthorizedAccessException fault)
        {
            throw new IOException($"cannot write {folder}: {fault.Message}", fault);
        }

        Write(step: 0, message => message.Add(3, Version));
        Flush();
    }

    /// <summary>Adds an event with a number.</summary>
    public void AddScalar(string tag, double value, long step) => Add(tag, step, field => field.Add(2, (float)value));

    /// <summary>Adds an event with a histogram.</summary>
    public void AddHistogram(string tag, EventHistogram histogram, long step) => Add(tag, step, field => field.Add(
        5, new ProtobufMessage()
            .Add(1, histogram.Least)
            .Add(2, histogram.Greatest)
            .Add(3, (double)histogram.Count)
            .Add(4, histogram.Sum)
            .Add(5, histogram.SumOfSquares)
            .Add(6, histogram.Limits)
            .Add(7, histogram.Buckets)));

    /// <summary>Lets readers see all events so far.</summary>
    public void Flush() => _stream.Flush();

    public void Dispose() => _stream.Dispose();

    // Readers take the files of a folder in the order of their names, which begin with the time; those of one second must
    // not share one.
    private static FileStream Open(string folder)
    {
        var seconds = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        for (var number = 0; ; number++)
        {
            var path = Path.Combine(folder, Text.Of(
                $"events.out.tfevents.{seconds:D10}.{Environment.MachineName}.{Environment.ProcessId}.{number}"));
            try
            {
                return new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.Read);
            }
            catch (IOException) when (File.Exists(path))
            {
                // Taken: the next number is free.
            }
        }
    }

    private void Add(string tag, long step, Func<ProtobufMessage, ProtobufMessage> value) => Write(step, message => message.Add(
        5, new ProtobufMessage().Add(1, value(new ProtobufMessage().Add(1, tag)))));

    private void Write(long step, Action<ProtobufMessage> content)
    {
        var message = new ProtobufMessage()
            .Add(1, (DateTimeOffset.UtcNow - DateTimeOffset.UnixEpoch).TotalSeconds)
            .Add(2, step);
        content(message);
        var bytes = message.ToArray();

        Span<byte> head = stackalloc byte[12];
        BinaryPrimitives.WriteInt64LittleEndian(head, bytes.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(head[8..], MaskedCrc32C.Of(head[..8]));
        _stream.Write(head);
        _stream.Write(bytes);
        Span<byte> tail = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(tail, MaskedCrc32C.Of(bytes));
        _stream.Write(tail);
    }
}
