namespace CudaBn.Cli;

/// <summary>The schedules that --schedule names.</summary>
internal enum ScheduleChoice
{
    Constant,
    Cosine,
    OneCycle,
}
