namespace CudaBn;

/// <summary>The four files of Fashion-MNIST.</summary>
internal sealed record FashionMnistFiles(
    PinnedFile TrainImages, PinnedFile TrainLabels, PinnedFile TestImages, PinnedFile TestLabels)
{
    /// <summary>The files as Zalando published them in August 2017.</summary>
    public static FashionMnistFiles Published { get; } = new(
        new PinnedFile(
            "train-images-idx3-ubyte",
            26_421_880,
            "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            "2e487a6c89124f78f2d7521542223cafe96f7123c3ca13d447772ac6ecbb3012"),
        new PinnedFile(
            "train-labels-idx1-ubyte",
            29_515,
            "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            "657fbd221bfc9f4198cc14b5619cc33ec57c58dd0e47af4d99d6650759e869a7"),
        new PinnedFile(
            "t10k-images-idx3-ubyte",
            4_422_102,
            "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            "c867c93ff95360594e8ec3287995350b824dd110b11595c0e13d5423f621867a"),
        new PinnedFile(
            "t10k-labels-idx1-ubyte",
            5_148,
            "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
            "3d0e6c6ea990b53b6f8f500a41cac93881d981b315f84578b7d915342ade01e9"));

    public IReadOnlyList<PinnedFile> All { get; } = [TrainImages, TrainLabels, TestImages, TestLabels];
}
