using CudaBn.Bench;

if (args is [StartUpBenchmarks.Argument, var device])
{
    StartUpBenchmarks.TakeFirstStep(device);
    return 0;
}

return BenchCommand.Run(args);
