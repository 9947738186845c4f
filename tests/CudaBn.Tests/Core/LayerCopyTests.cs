using System.Reflection;
using NUnit.Framework;

namespace CudaBn.Tests.Core;

/// <summary>A copy of a layer is described as the layer is. Two layers of each kind differ in whatever can be said of them,
/// so that nothing new is forgotten.</summary>
public class LayerCopyTests
{
    private static readonly string[] NotDescribed =
    [
        nameof(Layer.Device), nameof(Layer.DType), nameof(Layer.Name), nameof(Layer.IsInitialized), nameof(Layer.Parameters),
        nameof(Layer.State), nameof(Container.Layers),
    ];

    private static (Layer Left, Layer Right)[] Pairs =>
    [
        (new Conv1d(2, 4, 5, 6, (7, 8), 9, groups: 2, bias: false) { IsTraining = false }, new Conv1d(1, 3, 2)),
        (new Conv2d(2, 4, (4, 5), (6, 7), new Padding2d(8, 9, 10, 11), (2, 3), groups: 2, bias: false) { IsTraining = false },
         new Conv2d(1, 3, 3)),
        (new Conv3d(2, 4, (4, 5, 6), (6, 7, 8), new Padding3d(8, 9, 10, 11, 12, 13), (2, 3, 4), groups: 2, bias: false)
         { IsTraining = false },
         new Conv3d(1, 3, 3)),
        (new Linear(2, 3, bias: false) { IsTraining = false }, new Linear(4, 5)),
        (new MaxPool1d(4, 5, 1, ceilMode: true) { IsTraining = false }, new MaxPool1d(2)),
        (new MaxPool2d((4, 6), (5, 7), (1, 2), ceilMode: true) { IsTraining = false }, new MaxPool2d(2)),
        (new MaxPool3d((4, 6, 8), 5, (1, 2, 3), ceilMode: true) { IsTraining = false }, new MaxPool3d(2)),
        (new AvgPool1d(4, 5, 1, true, false, 9) { IsTraining = false }, new AvgPool1d(2)),
        (new AvgPool2d((4, 6), (5, 7), (1, 2), true, false, 9) { IsTraining = false }, new AvgPool2d(2)),
        (new AvgPool3d((4, 6, 8), 5, (1, 2, 3), true, false, 9) { IsTraining = false }, new AvgPool3d(2)),
        (new AdaptiveAvgPool1d(3) { IsTraining = false }, new AdaptiveAvgPool1d(4)),
        (new AdaptiveAvgPool2d(3, null) { IsTraining = false }, new AdaptiveAvgPool2d(4, 5)),
        (new AdaptiveAvgPool3d(3, null, 6) { IsTraining = false }, new AdaptiveAvgPool3d(4, 5, null)),
        (new GlobalAvgPool { IsTraining = false }, new GlobalAvgPool()),
        (new ReLU { IsTraining = false }, new ReLU()),
        (new LeakyReLU(0.5) { IsTraining = false }, new LeakyReLU()),
        (new GELU(tanhApproximation: true) { IsTraining = false }, new GELU()),
        (new SiLU { IsTraining = false }, new SiLU()),
        (new Sigmoid { IsTraining = false }, new Sigmoid()),
        (new Tanh { IsTraining = false }, new Tanh()),
        (new Dropout(0.25) { IsTraining = false }, new Dropout()),
        (new Flatten { IsTraining = false }, new Flatten()),
        (new Sequential(new ReLU()) { IsTraining = false, FusesLayers = false, OmitsName = true }, new Sequential(new Flatten())),
        (new Residual(new ReLU()) { IsTraining = false, FusesLayers = false }, new Residual(new Flatten(), new ReLU())),
        (new BatchNorm(2, 0.25, momentum: null, affine: false, unbiasedRunningVariance: false, channelsLast: true,
            virtualBatchSize: 5) { IsTraining = false, FreezeStatistics = true },
         new BatchNorm(3, fixGamma: true, trackRunningStatistics: false)),
    ];

    private static IEnumerable<TestCaseData> Cases() =>
        Pairs.Select(pair => new TestCaseData(pair.Left, pair.Right).SetArgDisplayNames(pair.Left.GetType().Name));

    [TestCaseSource(nameof(Cases))]
    public void Copy_IsDescribedAsTheLayer(Layer left, Layer right)
    {
        foreach (var property in Described(left.GetType()))
        {
            Assert.That(
                property.GetValue(left), Is.Not.EqualTo(property.GetValue(right)),
                $"{property.Name}: give the two layers different values");
            foreach (var layer in new[] { left, right })
                Assert.That(property.GetValue(layer.Copy()), Is.EqualTo(property.GetValue(layer)), property.Name);
        }
    }

    [Test]
    public void EveryKindOfLayer_IsCopiedHere() => Assert.That(
        typeof(Layer).Assembly.GetTypes().Where(type => type.IsSubclassOf(typeof(Layer)) && !type.IsAbstract),
        Is.EquivalentTo(Pairs.Select(pair => pair.Left.GetType())));

    [Test]
    public void Copy_OfAContainer_CopiesWhatIsInside()
    {
        using var model = new Sequential(
            new Residual(new Linear(3, 3) { Name = "line" }, new ReLU()), new Flatten { Name = "last" });
        using var copy = (Sequential)model.Copy();
        model.Initialize(Device.Cpu);
        copy.Initialize(Device.Cpu);
        Assert.That(copy.State.Select(s => s.Name), Is.EqualTo(model.State.Select(s => s.Name)));
        Assert.That(copy.SelfAndInnerLayers().Intersect(model.SelfAndInnerLayers()), Is.Empty);
        Assert.That(
            copy.SelfAndInnerLayers().Select(layer => (layer.GetType(), layer.Name)),
            Is.EqualTo(model.SelfAndInnerLayers().Select(layer => (layer.GetType(), layer.Name))));
    }

    private static IEnumerable<PropertyInfo> Described(Type type) =>
        type.GetProperties(BindingFlags.Public | BindingFlags.Instance)
            .Where(property => !NotDescribed.Contains(property.Name)
                && property.PropertyType != typeof(Parameter) && property.PropertyType != typeof(Tensor));
}
