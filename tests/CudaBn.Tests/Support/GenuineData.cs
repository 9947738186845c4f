namespace CudaBn.Tests.Support;

/// <summary>What tests that need the genuine Fashion-MNIST call first.</summary>
internal static class GenuineData
{
    /// <summary>Does nothing where the files are there; else ignores the test, or fails it where CUDABN_REQUIRE_DATA is 1.</summary>
    /// <param name="path">The folder to look in; null for the usual places.</param>
    public static void Require(string? path = null)
    {
        var search = FashionMnist.Find(path);
        if (search.Folder is not null)
            return;
        Missing.Report("CUDABN_REQUIRE_DATA", string.Join("; ", search.Searched), "dataset-fashion-mnist");
    }
}
