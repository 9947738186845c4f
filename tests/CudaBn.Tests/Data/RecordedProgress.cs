namespace CudaBn.Tests.Data;

/// <summary>Keeps what is reported, on the thread that reports.</summary>
internal sealed class RecordedProgress(Action<DownloadProgress>? also = null) : IProgress<DownloadProgress>
{
    public List<DownloadProgress> Reports { get; } = [];

    public void Report(DownloadProgress value)
    {
        Reports.Add(value);
        also?.Invoke(value);
    }
}
