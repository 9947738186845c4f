using System.Diagnostics;
using System.Text.RegularExpressions;

namespace CudaBn.Tests.Fuzzing;

/// <summary>Gives a reader many damaged files, one by one, in a thread of its own.</summary>
internal sealed partial class FuzzRun
{
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(30);

    private readonly FuzzTarget _target;
    private readonly FuzzSeed[] _seeds;
    private readonly int _first;
    private readonly int _count;
    private readonly string _path;
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private long _startedAt = long.MaxValue;
    private volatile int _current;

    private FuzzRun(FuzzTarget target, int first, int count, string folder)
    {
        _target = target;
        _seeds = [.. target.Seeds()];
        (_first, _count, _path) = (first, count, Path.Combine(folder, "input"));
    }

    /// <summary>Files that were read.</summary>
    public int Read { get; private set; }

    /// <summary>Files that were refused as they should.</summary>
    public int Refused { get; private set; }

    /// <summary>What went wrong first; null if nothing did.</summary>
    public string? Fault { get; private set; }

    /// <summary>The input that went wrong.</summary>
    public byte[] FaultyInput { get; private set; } = [];

    /// <summary>Runs inputs until one goes wrong.</summary>
    /// <param name="target">The reader.</param>
    /// <param name="first">The number of the first input: an input is a function of its number alone.</param>
    /// <param name="count">How many.</param>
    /// <param name="folder">Where inputs are written.</param>
    public static FuzzRun Of(FuzzTarget target, int first, int count, string folder)
    {
        var run = new FuzzRun(target, first, count, folder);
        var thread = new Thread(run.Run) { IsBackground = true };
        thread.Start();
        while (!thread.Join(TimeSpan.FromMilliseconds(100)))
        {
            if (run._clock.ElapsedMilliseconds - Interlocked.Read(ref run._startedAt) > _patience.TotalMilliseconds)
            {
                run.Fail(run._current, $"it is not done after {_patience.TotalSeconds} s");
                break;
            }
        }

        return run;
    }

    /// <summary>The input of a number.</summary>
    public byte[] Input(int number)
    {
        var random = new Random(number);
        var seed = _seeds[random.Next(_seeds.Length)];
        var mutated = new FileMutator(random).Mutate(seed.Content, _seeds[random.Next(_seeds.Length)].Content);
        return seed.Seal is null ? mutated : seed.Seal(mutated);
    }

    private void Run()
    {
        foreach (var seed in _seeds)
            RunSeed(seed);
        for (var number = _first; number < _first + _count && Fault is null; number++)
        {
            _current = number;
            var input = Input(number);
            WriteInput(input);
            Interlocked.Exchange(ref _startedAt, _clock.ElapsedMilliseconds);
            RunOne(number, input.Length);
            // The making and writing of inputs is not judged.
            Interlocked.Exchange(ref _startedAt, long.MaxValue);
        }
    }

    // Seeds must be sound. And the first use of everything allocates what later ones find.
    private void RunSeed(FuzzSeed seed)
    {
        var input = seed.Seal is null ? seed.Content : seed.Seal(seed.Content);
        WriteInput(input);
        Interlocked.Exchange(ref _startedAt, _clock.ElapsedMilliseconds);
        try
        {
            for (var times = 0; times < 2; times++)
                _target.Read(_path);
        }
        catch (Exception fault)
        {
            Fault ??= $"{_target.Name}: seed {Array.IndexOf(_seeds, seed)} is refused: {fault}";
            FaultyInput = input;
        }

        Interlocked.Exchange(ref _startedAt, long.MaxValue);
    }

    // File systems write a file to the disk at once that is made empty and filled anew.
    private void WriteInput(byte[] input)
    {
        using var file = new FileStream(_path, FileMode.OpenOrCreate, FileAccess.Write, FileShare.None, bufferSize: 0);
        file.Write(input);
        file.SetLength(input.Length);
    }

    private void RunOne(int number, long length)
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        string? fault = null;
        try
        {
            _target.Read(_path);
            Read++;
        }
        catch (InvalidDataException refusal)
        {
            Refused++;
            if (!refusal.Message.Contains(_path, StringComparison.Ordinal) || !Offset().IsMatch(refusal.Message))
                fault = $"its refusal names no file and offset: {refusal.Message}";
            else if (refusal.Message.AsSpan().ContainsAny('\n', '\r'))
                fault = $"its refusal has more than one line: {refusal.Message}";
        }
        catch (Exception other)
        {
            fault = $"it throws {other}";
        }

        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        if (allocated > _target.AllocationLimit(length))
            fault ??= $"it allocates {allocated} bytes, more than the {_target.AllocationLimit(length)} that {length} bytes may";
        if (fault is not null)
            Fail(number, fault);
    }

    private void Fail(int number, string fault)
    {
        Fault ??= $"{_target.Name}: input {number}: {fault}";
        FaultyInput = Input(number);
    }

    [GeneratedRegex(@"\b(byte|offset) \d+\b")]
    private static partial Regex Offset();
}
