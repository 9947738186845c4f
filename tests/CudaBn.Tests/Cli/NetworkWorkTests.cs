using CudaBn.Cli;
using NUnit.Framework;

namespace CudaBn.Tests.Cli;

public class NetworkWorkTests
{
    // Multiply-adds of one image: conv1 20*24*24*25, conv2 50*10*10*180, fc1 1250*128, fc2 128*10.
    private const long Forward = 2 * (288_000 + 900_000 + 160_000 + 1_280);

    [TestCase(1)]
    [TestCase(256)]
    public void SeedNetwork_CountsItsFourProducts(int batch)
    {
        using var model = SeedNetwork.Create();
        Assert.That(NetworkWork.Forward(model, [batch, 1, 28, 28]), Is.EqualTo(batch * Forward));
        Assert.That(
            NetworkWork.TrainingStep(model, [batch, 1, 28, 28]),
            Is.EqualTo(batch * ((3 * Forward) - (2 * 288_000))));
    }

    [Test]
    public void SeedNetwork_AStepOf256_Is1925MegaFlop()
    {
        using var model = SeedNetwork.Create();
        Assert.That(NetworkWork.TrainingStep(model, [256, 1, 28, 28]) / 1e9, Is.EqualTo(1.925).Within(0.0005));
    }

    [Test]
    public void Convolution_StrideAndPadding_CountTheWindows()
    {
        using var model = new Sequential(
            new Conv2d(3, 4, kernel: 3, stride: 2, padding: 1), new MaxPool2d(2), new Flatten());
        // 7 -> (7 + 2 - 3) / 2 + 1 = 4 rows, 9 -> 5 columns.
        Assert.That(NetworkWork.Forward(model, [2, 3, 7, 9]), Is.EqualTo(2L * 2 * 4 * 4 * 5 * 3 * 9));
    }
}
