namespace CudaBn.Bench;

/// <summary>Times on a GPU, of a launch among many.</summary>
/// <param name="HotNanoseconds">Launches one after the other, on the same memory.</param>
/// <param name="ColdNanoseconds">With more than the second-level cache holds overwritten before each.</param>
/// <param name="ClockMegahertz">Of the multiprocessors, right after; null where the driver's tool does not tell.</param>
public sealed record DeviceTimes(double HotNanoseconds, double ColdNanoseconds, double? ClockMegahertz);
