using System.Globalization;
using CudaBn.Serialization;

namespace CudaBn;

/// <summary>The last few checkpoints of one training, <c>checkpoint-STEP.safetensors</c> in a folder of their own, so that there
/// is an older one to go on from if the newest is damaged.</summary>
/// <remarks>For one process at a time.</remarks>
public sealed class CheckpointFolder
{
    private const string Stem = "checkpoint-";
    private const string Extension = ".safetensors";

    private readonly HashSet<string> _damaged = [];

    /// <summary>Names a folder. Nothing is read or written yet.</summary>
    /// <param name="path">The folder; made when the first checkpoint is saved.</param>
    /// <param name="keep">How many checkpoints are kept, at least 1.</param>
    /// <exception cref="ArgumentException">The path is blank, or the number is not positive.</exception>
    public CheckpointFolder(string path, int keep = 3)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        if (keep <= 0)
            throw new ArgumentException(
                $"CheckpointFolder: the number of checkpoints to keep must be positive, not {keep}.", nameof(keep));
        (FolderPath, Keep) = (path, keep);
    }

    /// <summary>The folder.</summary>
    public string FolderPath { get; }

    /// <summary>How many checkpoints are kept.</summary>
    public int Keep { get; }

    /// <summary>The checkpoints that are there, newest first; none where there is no folder.</summary>
    /// <exception cref="IOException">The folder cannot be read.</exception>
    public IReadOnlyList<string> Files => [.. Found().Select(found => found.Path)];

    /// <summary>Writes a checkpoint as <see cref="Checkpoint.Save"/> does, and then removes those that are not kept: the oldest;
    /// those of later steps, which training has gone back from; those that <see cref="LoadNewest"/> has found damaged; and what
    /// writers left that were killed. What cannot be removed stays for the next time.</summary>
    /// <param name="trainer">The training, between two steps.</param>
    /// <param name="train">The batches that it trains on.</param>
    /// <param name="metadata">Free-form texts kept in the file; null for none.</param>
    /// <returns>The file.</returns>
    /// <exception cref="ArgumentException">The optimizer updates what is no parameter of the model, or a key is the checkpoint's
    /// own.</exception>
    /// <exception cref="NonFiniteException">Something in the training is NaN or infinite: no checkpoint that was good is given up
    /// for that.</exception>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public string Save(Trainer trainer, DataLoader train, IReadOnlyDictionary<string, string>? metadata = null)
    {
        ArgumentNullException.ThrowIfNull(trainer);
        MakeFolder();
        var path = Path.Combine(
            FolderPath, Stem + trainer.StepsDone.ToString(CultureInfo.InvariantCulture) + Extension);
        Checkpoint.Save(trainer, train, path, metadata);
        _damaged.Remove(path);
        RemoveAllBut(trainer.StepsDone);
        AtomicFile.RemoveLeftovers(FolderPath);
        return path;
    }

    /// <summary>Puts a training where the newest checkpoint was saved, as <see cref="Checkpoint.Load"/> does; or, if that is
    /// damaged, the one before.</summary>
    /// <param name="trainer">A trainer set up like the one that was saved.</param>
    /// <param name="train">A loader set up like the one that was saved, of the same images.</param>
    /// <param name="keepsLearningRate">Whether training goes on at the learning rate that the trainer's schedule, or without one
    /// its optimizer, has, whatever that of the checkpoint was: with a lower one, say, after a loss that was not
    /// finite.</param>
    /// <returns>Which checkpoint it was, with a warning for each that is damaged; null where there is none.</returns>
    /// <exception cref="InvalidDataException">All checkpoints are damaged; or the newest undamaged one is of another training:
    /// the message lists everything that is missing, unexpected or different. Nothing has changed.</exception>
    /// <exception cref="ArgumentException">The optimizer updates what is no parameter of the model.</exception>
    /// <exception cref="IOException">The folder cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">A checkpoint may not be read.</exception>
    public RestoredCheckpoint? LoadNewest(Trainer trainer, DataLoader train, bool keepsLearningRate = false)
    {
        ArgumentNullException.ThrowIfNull(trainer);
        ArgumentNullException.ThrowIfNull(train);
        var warnings = new List<string>();
        foreach (var path in Files)
        {
            CheckpointFile file;
            try
            {
                file = CheckpointFile.Read(path);
            }
            catch (Exception fault) when (fault is InvalidDataException or IOException)
            {
                warnings.Add(fault.Message);
                // One that cannot be read today may be read tomorrow.
                if (fault is InvalidDataException)
                    _damaged.Add(path);
                continue;
            }

            // If it is of another training, so are older ones: that is no damage.
            return new RestoredCheckpoint(path, Checkpoint.Apply(file, trainer, train, keepsLearningRate), warnings);
        }

        return warnings.Count == 0
            ? null
            : throw new InvalidDataException(
                $"{FolderPath}: none of its checkpoints can be read: {string.Join(" ", warnings)}");
    }

    private void MakeFolder()
    {
        try
        {
            DurableFolder.Create(FolderPath);
        }
        catch (Exception fault) when (fault is IOException or UnauthorizedAccessException)
        {
            throw new IOException($"cannot write {FolderPath}: {fault.Message}", fault);
        }
    }

    private void RemoveAllBut(long newest)
    {
        var kept = 0;
        foreach (var (path, step) in Found())
        {
            if (step <= newest && kept < Keep && !_damaged.Contains(path))
                kept++;
            else
                AtomicFile.TryDelete(path);
        }
    }

    private IEnumerable<(string Path, long Step)> Found() => !Directory.Exists(FolderPath)
        ? []
        : Directory.GetFiles(FolderPath, $"{Stem}*{Extension}").Select(path => (Path: path, Step: StepOf(path)))
            .Where(found => found.Step >= 0).OrderByDescending(found => found.Step);

    // Below 0 for what is called similarly by someone else.
    private static long StepOf(string path) =>
        long.TryParse(
            Path.GetFileName(path.AsSpan())[Stem.Length..^Extension.Length], NumberStyles.None, CultureInfo.InvariantCulture,
            out var step)
            ? step
            : -1;
}
