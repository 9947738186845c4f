namespace CudaBn.Cli;

/// <summary>The networks that --model names.</summary>
internal enum ModelChoice
{
    Notebook,
    Resnet20,
    Resnet18,
}
