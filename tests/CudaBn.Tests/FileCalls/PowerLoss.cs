namespace CudaBn.Tests.FileCalls;

/// <summary>What a loss of power could take, by POSIX: the content of a file until the file is flushed, and every change of a
/// name until its folder is.</summary>
internal static class PowerLoss
{
    /// <summary>What is out of order, each with its call: what could leave a half-written file under its final name, or a file gone
    /// without its successor; empty where nothing is.</summary>
    public static IReadOnlyList<string> Faults(IEnumerable<FileCall> calls)
    {
        var faults = new List<string>();
        var unflushed = new HashSet<string>();
        // By folder.
        var newNames = new Dictionary<string, List<string>>();
        foreach (var call in calls)
        {
            switch (call.Kind)
            {
                case "make":
                    AddName(call.Path);
                    break;
                case "create":
                    unflushed.Add(call.Path);
                    break;
                case "write":
                    unflushed.Add(call.Path);
                    Require(IsTemporary(call.Path), call, "is not written beside");
                    break;
                case "flush":
                    unflushed.Remove(call.Path);
                    newNames.Remove(call.Path);
                    break;
                case "rename":
                    Require(!unflushed.Contains(call.Path), call, "its content is not flushed");
                    Require(Path.GetDirectoryName(call.Target) == call.Folder, call, "leads to another folder");
                    Require(!NewNames(Path.GetDirectoryName(call.Folder)!).Contains(call.Folder), call, "its folder may be lost");
                    AddName(call.Target!);
                    break;
                case "delete":
                    Require(NewNames(call.Folder).Count == 0, call, "before the names of new files are flushed");
                    break;
                default:
                    throw new ArgumentException($"expected a kind of call, found '{call.Kind}'", nameof(calls));
            }
        }

        faults.AddRange(newNames.Values.SelectMany(names => names).Select(name => $"{name}: its name is never flushed"));
        return faults;

        void Require(bool holds, FileCall call, string fault)
        {
            if (!holds)
                faults.Add($"{call}: {fault}");
        }

        void AddName(string path)
        {
            var folder = Path.GetDirectoryName(path)!;
            newNames.TryAdd(folder, []);
            newNames[folder].Add(path);
        }

        List<string> NewNames(string folder) => newNames.GetValueOrDefault(folder) ?? [];
    }

    private static bool IsTemporary(string path) => Path.GetFileName(path).StartsWith(".cudabn-", StringComparison.Ordinal);
}
