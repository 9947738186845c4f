using CudaBn.Backends;

namespace CudaBn;

/// <summary>Runs steps that repeat. On a device that records, a step runs the first time, when its buffers are made, is
/// recorded the second time, and from then on costs one call.</summary>
internal sealed class RecordedSteps : IDisposable
{
    // Training and evaluation, each on full and last batches, of a few loaders.
    private const int MaxSteps = 16;

    private readonly List<Entry> _entries = [];

    /// <summary>Runs a step.</summary>
    /// <param name="backend">Where.</param>
    /// <param name="key">What decides which operators it consists of and which memory they use.</param>
    /// <param name="work">Calls them.</param>
    /// <returns>Whether it ran without calling <paramref name="work"/>, so that layers do not know of it.</returns>
    public bool Run(Backend backend, in Key key, Action work)
    {
        if (!backend.CanRecord)
        {
            work();
            return false;
        }

        var index = IndexOf(key);
        if (index >= 0 && _entries[index].Recording is { IsCurrent: false })
        {
            // A buffer has grown since: what was recorded refers to the old one.
            RemoveAt(index);
            index = -1;
        }

        if (index < 0)
        {
            work();
            if (_entries.Count == MaxSteps)
                RemoveAt(0);
            _entries.Add(new Entry(key));
            return false;
        }

        var entry = _entries[index];
        var isReplay = entry.Recording is not null;
        entry.Recording ??= backend.Record(work);
        entry.Recording.Replay();
        return isReplay;
    }

    /// <summary>Forgets all steps: what they begin with has changed.</summary>
    public void Clear()
    {
        while (_entries.Count > 0)
            RemoveAt(_entries.Count - 1);
    }

    public void Dispose() => Clear();

    private int IndexOf(in Key key)
    {
        for (var i = 0; i < _entries.Count; i++)
        {
            if (_entries[i].Key == key)
                return i;
        }

        return -1;
    }

    private void RemoveAt(int index)
    {
        _entries[index].Recording?.Dispose();
        _entries.RemoveAt(index);
    }

    /// <summary>What tells steps apart.</summary>
    /// <param name="Work">What is done.</param>
    /// <param name="Loader">Where the batch comes from; null if it was made before.</param>
    /// <param name="Images">The images of the batch.</param>
    /// <param name="Labels">The labels of the batch.</param>
    /// <param name="Mode">A hash of the layers' modes.</param>
    public readonly record struct Key(Action Work, DataLoader? Loader, Tensor Images, Tensor Labels, ulong Mode);

    private sealed class Entry(Key key)
    {
        public Key Key { get; } = key;

        public Recording? Recording { get; set; }
    }
}
