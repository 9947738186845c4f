using CudaBn.Cli;

return CudabnCommand.Run(args);
