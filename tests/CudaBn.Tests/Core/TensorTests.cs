using CudaBn.Backends.Cpu;
using NUnit.Framework;

namespace CudaBn.Tests.Core;

[TestFixtureSource(typeof(Devices), nameof(Devices.All))]
public class TensorTests(Device device)
{
    [Test]
    public void From_EveryElementType_ComesBackBitForBit()
    {
        RoundTrip<float>(DType.Float32, [0f, -0f, float.NaN, float.PositiveInfinity, float.Epsilon, 1.5f]);
        RoundTrip<double>(DType.Float64, [0, -0.0, double.NaN, double.NegativeInfinity, double.Epsilon, Math.PI]);
        RoundTrip<byte>(DType.UInt8, [0, 1, 127, 128, 254, 255]);
        RoundTrip<int>(DType.Int32, [0, 1, -1, int.MinValue, int.MaxValue, 7]);
        RoundTrip<long>(DType.Int64, [0, 1, -1, long.MinValue, long.MaxValue, 7]);

        void RoundTrip<T>(DType dtype, T[] values)
            where T : unmanaged
        {
            using var tensor = Tensor.From(values, [2, 3], device);
            Assert.That(tensor.DType, Is.EqualTo(dtype));
            Assert.That(tensor.Shape, Is.EqualTo(new Shape(2, 3)));
            Assert.That(tensor.ElementCount, Is.EqualTo(6));
            Assert.That(tensor.ByteLength, Is.EqualTo(6 * dtype.Size()));
            Assert.That(tensor.Device, Is.SameAs(device));
            var back = tensor.ToArray<T>();
            Assert.That(
                System.Runtime.InteropServices.MemoryMarshal.AsBytes<T>(back)
                    .SequenceEqual(System.Runtime.InteropServices.MemoryMarshal.AsBytes<T>(values)), Is.True);
            var copied = new T[6];
            tensor.CopyTo<T>(copied);
            Assert.That(copied, Is.EqualTo(values));
        }
    }

    [Test]
    public void From_Scalar_HasOneElement()
    {
        using var tensor = Tensor.From([4.5f], [], device);
        Assert.That(tensor.Shape.Rank, Is.Zero);
        Assert.That(tensor.ToArray<float>(), Is.EqualTo(new[] { 4.5f }));
    }

    [Test]
    public void Zeros_IsZeroWhateverTheMemoryHeldBefore()
    {
        for (var i = 0; i < 20; i++)
        {
            using (var used = new Tensor([1000], DType.Float32, device))
                device.Backend.Fill(used, 3);
            using var tensor = Tensor.Zeros([10, 100], DType.Float32, device);
            Assert.That(tensor.ToArray<float>(), Is.All.Zero);
        }
    }

    [Test]
    public void Zeros_WithoutDevice_IsAFloat32TensorOnTheCpu()
    {
        using var tensor = Tensor.Zeros([3]);
        Assert.That((tensor.DType, tensor.Device), Is.EqualTo((DType.Float32, Device.Cpu)));
        using var other = Tensor.From(new long[] { 1 }, [1]);
        Assert.That((other.DType, other.Device), Is.EqualTo((DType.Int64, Device.Cpu)));
    }

    [Test]
    public void Copies_AreIndependentOfTheirSource()
    {
        float[] values = [1, 2, 3, 4];
        using var tensor = Tensor.From(values, [4], device);
        values[0] = 9;
        Assert.That(tensor.ToArray<float>()[0], Is.EqualTo(1));
        tensor.ToArray<float>()[1] = 9;
        Assert.That(tensor.ToArray<float>()[1], Is.EqualTo(2));

        using var other = Tensor.Zeros([2, 2], DType.Float32, device);
        other.CopyFrom(tensor);
        tensor.CopyFrom<float>([5, 6, 7, 8]);
        Assert.That(other.ToArray<float>(), Is.EqualTo(new float[] { 1, 2, 3, 4 }));
        Assert.That(tensor.ToArray<float>(), Is.EqualTo(new float[] { 5, 6, 7, 8 }));
    }

    [Test]
    public void AsSpan_WritesThroughOnTheCpuAndIsRefusedElsewhere()
    {
        using var tensor = Tensor.Zeros([2, 2], DType.Float64, device);
        if (device.Kind != DeviceKind.Cpu)
        {
            ErrorAssert.Throws<InvalidOperationException>(() => tensor.AsSpan<double>(), $"{tensor}", "ToArray");
            return;
        }

        tensor.AsSpan<double>()[3] = 2.5;
        Assert.That(tensor.ToArray<double>(), Is.EqualTo(new[] { 0, 0, 0, 2.5 }));
        Assert.That((long)tensor.Address % 64, Is.Zero);
    }

    [Test]
    public void Reshape_SharesTheMemory()
    {
        using var tensor = Tensor.From([1, 2, 3, 4, 5, 6], [2, 3], device);
        using (var view = tensor.Reshape([3, 2]))
        {
            Assert.That(view.Shape, Is.EqualTo(new Shape(3, 2)));
            Assert.That((view.DType, view.Device, view.Address), Is.EqualTo((DType.Int32, device, tensor.Address)));
            view.CopyFrom<int>([6, 5, 4, 3, 2, 1]);
        }

        Assert.That(tensor.ToArray<int>(), Is.EqualTo(new[] { 6, 5, 4, 3, 2, 1 }), "a view released its owner");
    }

    [Test]
    public void Reshape_OtherNumberOfElements_NamesBoth()
    {
        using var tensor = Tensor.Zeros([2, 3], DType.Float32, device);
        ErrorAssert.Throws<ArgumentException>(() => tensor.Reshape([7]), "[2, 3]", "6 elements", "[7]");
        ErrorAssert.Throws<ArgumentException>(() => tensor.Reshape([5]), "[5]");
        ErrorAssert.Throws<ArgumentException>(() => tensor.Reshape(default), "with 0");
    }

    [Test]
    public void Constructor_NoShape_Throws()
    {
        ErrorAssert.Throws<ArgumentException>(() => _ = new Tensor(default, DType.Float32, device), "default(Shape)");
        ErrorAssert.Throws<ArgumentException>(() => Tensor.Zeros(default, DType.Float32, device), "default(Shape)");
        ErrorAssert.Throws<ArgumentException>(() => Tensor.From(Array.Empty<float>(), default, device), "default(Shape)");
    }

    [Test]
    public void Constructor_ArgumentsThatAreNone_Throw()
    {
        Assert.That(() => new Tensor([1], DType.Float32, null!), Throws.ArgumentNullException);
        Assert.That(() => Tensor.From<float>(null, [1], device), Throws.ArgumentException, "no array is an empty span");
        ErrorAssert.Throws<ArgumentOutOfRangeException>(() => _ = new Tensor([1], (DType)77, device), "77");
        ErrorAssert.Throws<ArgumentException>(() => Tensor.From(new short[] { 1 }, [1], device), "System.Int16");
    }

    [Test]
    public void Constructor_MoreThanThereIsRoomFor_NamesTheTensor()
    {
        // More bytes than a 64-bit address space, and more than a 64-bit number.
        ErrorAssert.Throws<InsufficientMemoryException>(
            () => _ = new Tensor([1 << 30, 1 << 24], DType.Float64, device), "Float64 tensor [1073741824, 16777216]");
        ErrorAssert.Throws<InsufficientMemoryException>(
            () => _ = new Tensor([int.MaxValue, int.MaxValue], DType.Float32, device),
            "Float32 tensor [2147483647, 2147483647]");
    }

    [TestCase(0)]
    [TestCase(5)]
    [TestCase(7)]
    public void Spans_OfOtherLength_NameBothLengths(int length)
    {
        using var tensor = Tensor.From([1f, 2, 3, 4, 5, 6], [2, 3], device);
        var values = new float[length];
        string[] parts = ["Float32 tensor [2, 3]", "6 elements", $"the span has {length}"];
        ErrorAssert.Throws<ArgumentException>(() => tensor.CopyFrom<float>(values), parts);
        ErrorAssert.Throws<ArgumentException>(() => tensor.CopyTo<float>(values), parts);
        ErrorAssert.Throws<ArgumentException>(() => Tensor.From(values, [2, 3], device), parts);
        Assert.That(tensor.ToArray<float>(), Is.EqualTo(new[] { 1f, 2, 3, 4, 5, 6 }));
    }

    [Test]
    public void Spans_OfOtherType_NameTheType()
    {
        using var tensor = Tensor.Zeros([2], DType.Int32, device);
        // Of the same size as an element, so that nothing but the type tells them apart.
        ErrorAssert.Throws<ArgumentException>(() => tensor.ToArray<float>(), "Int32 tensor [2]", "Single");
        ErrorAssert.Throws<ArgumentException>(() => tensor.CopyTo<float>(new float[2]), "Single");
        ErrorAssert.Throws<ArgumentException>(() => tensor.CopyFrom<float>([1, 2]), "Single");
        ErrorAssert.Throws<ArgumentException>(() => tensor.AsSpan<long>(), "Int64");
        ErrorAssert.Throws<ArgumentException>(() => tensor.AsSpan<char>(), "System.Char");
    }

    [Test]
    public void CopyFrom_TensorOfOtherKind_NamesBoth()
    {
        using var backend = new CpuBackend(threads: 1);
        using var tensor = Tensor.Zeros([2, 3], DType.Float32, device);
        using var otherType = Tensor.Zeros([2, 3], DType.Int32, device);
        using var otherCount = Tensor.Zeros([2, 4], DType.Float32, device);
        using var otherDevice = Tensor.Zeros([2, 3], DType.Float32, backend.Device);
        foreach (var source in new[] { otherType, otherCount, otherDevice })
            ErrorAssert.Throws<ArgumentException>(
                () => tensor.CopyFrom(source), source.ToString(), tensor.ToString());
        Assert.That(() => tensor.CopyFrom(null!), Throws.ArgumentNullException);
    }

    [Test]
    public void Dispose_EndsAllUse()
    {
        var tensor = Tensor.From([1f, 2], [2], device);
        var view = tensor.Reshape([1, 2]);
        using var other = Tensor.Zeros([2], DType.Float32, device);
        tensor.Dispose();
        tensor.Dispose();
        Assert.That(() => tensor.Address, Throws.TypeOf<ObjectDisposedException>());
        Assert.That(() => tensor.ToArray<float>(), Throws.TypeOf<ObjectDisposedException>());
        Assert.That(() => tensor.CopyFrom<float>([1, 2]), Throws.TypeOf<ObjectDisposedException>());
        Assert.That(() => tensor.CopyTo<float>(new float[2]), Throws.TypeOf<ObjectDisposedException>());
        Assert.That(() => tensor.CopyFrom(other), Throws.TypeOf<ObjectDisposedException>());
        Assert.That(() => other.CopyFrom(tensor), Throws.TypeOf<ObjectDisposedException>());
        if (device.Kind == DeviceKind.Cpu)
            Assert.That(() => { tensor.AsSpan<float>(); }, Throws.TypeOf<ObjectDisposedException>());
        Assert.That(() => view.ToArray<float>(), Throws.TypeOf<ObjectDisposedException>());
        Assert.That(tensor.ToString(), Is.EqualTo($"Float32 tensor [2] on {device}"));
    }
}
