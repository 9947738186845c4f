namespace CudaBn;

/// <summary>What residual networks are made of. Names of tensors are torchvision's: layer1.0.conv1.weight,
/// layer2.0.downsample.0.weight.</summary>
internal static class ResNetLayers
{
    /// <summary>A convolution without bias, which a batch normalization behind it would take out again.</summary>
    public static Conv2d Convolution(int inChannels, int outChannels, int kernel, int stride = 1) => new(
        inChannels, outChannels, kernel, stride, padding: kernel / 2, bias: false,
        weightInitializer: Initializer.KaimingNormal(FanMode.Out));

    /// <summary>Basic blocks in a row, each with a rectifier behind. The first goes from one number of channels to the other,
    /// and takes the stride.</summary>
    public static Sequential Stage(string name, int inChannels, int outChannels, int blocks, int stride)
    {
        var layers = new List<Layer>();
        for (var i = 0; i < blocks; i++)
        {
            layers.Add(i == 0 ? Block("0", inChannels, outChannels, stride) : Block($"{i}", outChannels, outChannels, 1));
            layers.Add(new ReLU());
        }

        return new Sequential([.. layers]) { Name = name };
    }

    /// <summary>What comes behind the last stage.</summary>
    public static Layer[] Head(int channels, int classes) =>
        [new GlobalAvgPool { Name = "avgpool" }, new Flatten(), new Linear(channels, classes) { Name = "fc" }];

    private static Residual Block(string name, int inChannels, int outChannels, int stride)
    {
        var main = new Sequential(
            Convolution(inChannels, outChannels, kernel: 3, stride),
            new BatchNorm(outChannels),
            new ReLU(),
            Convolution(outChannels, outChannels, kernel: 3),
            new BatchNorm(outChannels)) { OmitsName = true };
        var changesShape = stride != 1 || inChannels != outChannels;
        return new Residual(main, changesShape ? Projection(inChannels, outChannels, stride) : null) { Name = name };
    }

    private static Sequential Projection(int inChannels, int outChannels, int stride)
    {
        var convolution = Convolution(inChannels, outChannels, kernel: 1, stride);
        convolution.Name = "0";
        return new Sequential(convolution, new BatchNorm(outChannels) { Name = "1" }) { Name = "downsample" };
    }
}
