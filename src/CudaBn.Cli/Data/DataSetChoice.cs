namespace CudaBn.Cli;

/// <summary>The data sets that --data-set names.</summary>
internal enum DataSetChoice
{
    FashionMnist,
    Cifar10,
    Folder,
}
