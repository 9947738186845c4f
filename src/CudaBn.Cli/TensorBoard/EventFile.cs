using System.Buffers.Binary;
using System.Globalization;
using Microsoft.Win32.SafeHandles;

namespace CudaBn.Cli;

/// <summary>A file of events that TensorBoard reads: TFRecords, each a message of the type Event of TensorBoard's
/// event.proto and summary.proto, whose field numbers stand here. What cannot be written waits for the next occasion, and a
/// file holds whole records only.</summary>
/// <remarks>A record is its length (64 bits), the masked CRC-32C of that, the message, and the masked CRC-32C of it; all
/// little-endian. A file begins with the version of the format and the start of a session, at which TensorBoard forgets all
/// that earlier files hold of its step and later ones.</remarks>
internal sealed class EventFile : IDisposable
{
    /// <summary>What the names of event files start with, before seconds since 1970 in ten digits.</summary>
    public const string Stem = "events.out.tfevents.";

    private const string Version = "brain.Event:2";
    private const int SessionStart = 1;
    private const int MostWaitingBytes = 16 << 20;

    private readonly string _folder;
    private readonly Queue<(long Step, byte[] Record)> _waiting = [];
    private long _waitingBytes;
    private long _nextStep;
    private SafeFileHandle? _file;
    private string _path = "";
    private long _length;

    /// <summary>Makes a new file.</summary>
    /// <param name="folder">Where; made if it is not there.</param>
    /// <param name="firstStep">The first step that is still to come: what earlier files hold of it and later ones is void.</param>
    /// <exception cref="IOException">It cannot be made.</exception>
    public EventFile(string folder, long firstStep)
    {
        (_folder, _nextStep) = (folder, firstStep);
        try
        {
            Flush();
        }
        catch
        {
            Dispose();
            throw;
        }
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

    /// <summary>Writes all events since the last time; into a new file where the one so far is gone.</summary>
    /// <exception cref="IOException">They cannot be written. They wait for the next time; of more than 16 MiB the oldest are
    /// given up.</exception>
    public void Flush()
    {
        if (_file is not null && !File.Exists(_path))
            Close();
        try
        {
            if (_file is null)
                Open();
            Append([.. _length == 0 ? Beginning() : [], .. _waiting.SelectMany(waiting => waiting.Record)]);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            throw new IOException($"cannot write {_folder}: {fault.Message}", fault);
        }

        foreach (var (step, _) in _waiting)
            _nextStep = Math.Max(_nextStep, step + 1);
        _waiting.Clear();
        _waitingBytes = 0;
    }

    /// <summary>Closes the file. Writes nothing more.</summary>
    public void Dispose() => Close();

    private void Open()
    {
        Directory.CreateDirectory(_folder);
        // Readers take the files of a folder in the order of their names. A clock that was set back must not change it.
        var newest = Directory.GetFiles(_folder, $"{Stem}*").Select(SecondsOf).DefaultIfEmpty(-1).Max();
        for (var seconds = Math.Max(DateTimeOffset.UtcNow.ToUnixTimeSeconds(), newest + 1); ; seconds++)
        {
            _path = Path.Combine(
                _folder, Text.Of($"{Stem}{seconds:D10}.{Environment.MachineName}.{Environment.ProcessId}.0"));
            try
            {
                _file = File.OpenHandle(_path, FileMode.CreateNew, FileAccess.Write, FileShare.Read | FileShare.Delete);
                _length = 0;
                return;
            }
            catch (IOException) when (File.Exists(_path))
            {
                // Taken since: the next second is free.
            }
        }
    }

    private static long SecondsOf(string path)
    {
        var rest = Path.GetFileName(path.AsSpan())[Stem.Length..];
        var end = rest.IndexOf('.');
        return end > 0 && long.TryParse(rest[..end], NumberStyles.None, CultureInfo.InvariantCulture, out var seconds)
            ? seconds
            : -1;
    }

    private byte[] Beginning() =>
    [
        .. Record(step: 0, message => message.Add(3, Version)),
        .. Record(_nextStep, message => message.Add(7, new ProtobufMessage().Add(1, SessionStart))),
    ];

    private void Append(byte[] records)
    {
        try
        {
            RandomAccess.Write(_file!, records, _length);
            _length += records.Length;
        }
        catch
        {
            CutOff();
            throw;
        }
    }

    // Half a record would keep readers from what comes after it.
    private void CutOff()
    {
        try
        {
            RandomAccess.SetLength(_file!, _length);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            // What comes next goes to a file of its own, to which readers go on.
            Close();
        }
    }

    private void Close()
    {
        _file?.Dispose();
        _file = null;
    }

    private void Add(string tag, long step, Func<ProtobufMessage, ProtobufMessage> value)
    {
        var record = Record(step, message => message.Add(
            5, new ProtobufMessage().Add(1, value(new ProtobufMessage().Add(1, tag)))));
        _waiting.Enqueue((step, record));
        _waitingBytes += record.Length;
        while (_waitingBytes > MostWaitingBytes)
            _waitingBytes -= _waiting.Dequeue().Record.Length;
    }

    private static byte[] Record(long step, Action<ProtobufMessage> content)
    {
        var message = new ProtobufMessage()
            .Add(1, (DateTimeOffset.UtcNow - DateTimeOffset.UnixEpoch).TotalSeconds)
            .Add(2, step);
        content(message);
        var bytes = message.ToArray();

        var record = new byte[8 + 4 + bytes.Length + 4];
        BinaryPrimitives.WriteInt64LittleEndian(record, bytes.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(record.AsSpan(8), MaskedCrc32C.Of(record.AsSpan(0, 8)));
        bytes.CopyTo(record, 12);
        BinaryPrimitives.WriteUInt32LittleEndian(record.AsSpan(12 + bytes.Length), MaskedCrc32C.Of(bytes));
        return record;
    }
}
