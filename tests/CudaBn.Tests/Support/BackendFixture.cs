using CudaBn.Backends.Cpu;
using CudaBn.Backends.Cuda;
using NUnit.Framework;

namespace CudaBn.Tests.Support;

/// <summary>Tests that run on one backend in one element type. Expected values are double, computed from inputs rounded
/// to that type.</summary>
public abstract class BackendFixture(TestBackend backend, DType dtype)
{
    private readonly Stack<IDisposable> _owned = new();
    private Device? _device;

    protected Device Device => _device ?? throw new InvalidOperationException("The fixture is not set up.");

    protected DType DType { get; } = dtype;

    /// <summary>Half the distance from 1 to the next number: what one rounding may change, relatively.</summary>
    protected double UnitRoundoff => Math.ScaleB(1, DType == DType.Float32 ? -24 : -53);

    /// <summary>The smallest normal number: what underflow may change, absolutely.</summary>
    protected double SmallestNormal => Math.ScaleB(1, DType == DType.Float32 ? -126 : -1022);

    [OneTimeSetUp]
    public void OpenDevice() => _device = backend.Open();

    [OneTimeTearDown]
    public void DisposeDevice()
    {
        if (!backend.IsShared)
            _device?.Backend.Dispose();
        else
            // The software device looks at the guards of all memory whenever it is waited for: what thousands of tests leave
            // behind would slow down those after them.
            (_device?.Backend as CudaBackend)?.Trim();
    }

    [TearDown]
    public void DisposeOwned()
    {
        while (_owned.TryPop(out var owned))
            owned.Dispose();
        Assert.That(HostMemory.TakeOverruns(), Is.Zero, "blocks of memory behind whose end something was written");
    }

    /// <summary>Has an object disposed after the test.</summary>
    protected T Own<T>(T disposable)
        where T : IDisposable
    {
        _owned.Push(disposable);
        return disposable;
    }

    /// <summary>Work as a step that repeats: recorded once and replayed where the device does that, else called.</summary>
    protected Action Repeated(Action work) =>
        Device.Backend.CanRecord ? Own(Device.Backend.Record(work)).Replay : work;

    /// <summary>Makes the parameters of a layer, and has it disposed after the test.</summary>
    protected T OnDevice<T>(T layer)
        where T : Layer
    {
        Own(layer).Initialize(Device, DType);
        return layer;
    }

    /// <summary>Values as the element type holds them.</summary>
    protected double[] Rounded(double[] values) =>
        DType == DType.Float32 ? Array.ConvertAll(values, value => (double)(float)value) : values;

    protected Tensor TensorOf(double[] values, Shape shape)
    {
        var tensor = Own(new Tensor(shape, DType, Device));
        Write(values, tensor);
        return tensor;
    }

    /// <summary>A tensor of NaN: an operator that has seen it leaves NaN in every buffer it reuses, so that whatever it
    /// forgets to write, or adds to instead of overwriting, shows in the next result.</summary>
    protected Tensor Poison(Shape shape)
    {
        var tensor = Own(new Tensor(shape, DType, Device));
        Device.Backend.Fill(tensor, double.NaN);
        return tensor;
    }

    protected Tensor LabelsOf(params int[] labels) => Own(Tensor.From(labels, [labels.Length], Device));

    protected static void Write(double[] values, Tensor destination)
    {
        if (destination.DType == DType.Float32)
            destination.CopyFrom<float>(Array.ConvertAll(values, value => (float)value));
        else
            destination.CopyFrom<double>(values);
    }

    protected static double[] Read(Tensor tensor) => tensor.DType == DType.Float32
        ? Array.ConvertAll(tensor.ToArray<float>(), value => (double)value)
        : tensor.ToArray<double>();
}
