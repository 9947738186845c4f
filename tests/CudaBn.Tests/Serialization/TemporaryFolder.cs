namespace CudaBn.Tests.Serialization;

/// <summary>An empty folder that is gone, with all its files, when it is disposed.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    private readonly string _path = Directory.CreateTempSubdirectory("cudabn-tests-").FullName;

    public string this[string name] => Path.Combine(_path, name);

    public string[] FileNames() => [.. Directory.GetFiles(_path).Select(file => Path.GetFileName(file)).Order()];

    public void Dispose() => Directory.Delete(_path, recursive: true);
}
