namespace CudaBn.Cli;

/// <summary>An image that nothing can be said about.</summary>
/// <param name="File">The file, as it was named.</param>
/// <param name="Index">Which image of an IDX file, from 0; 0 of other files.</param>
/// <param name="Message">Why; it names the file.</param>
internal sealed record FailedImage(string File, int Index, string Message);
