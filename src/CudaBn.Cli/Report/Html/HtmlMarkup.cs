namespace CudaBn.Cli;

/// <summary>Text that is HTML already and is written as it is: never one that comes from outside.</summary>
internal readonly record struct HtmlMarkup(string Html);
