using BenchmarkDotNet.Attributes;
using CudaBn.Backends;
using CudaBn.Backends.Cuda;
using CudaBn.Backends.OpArgs;

namespace CudaBn.Bench;

/// <summary>Benchmarks of an operator at some shapes on some devices. A benchmark is prepared by an operation and a check:
/// the operation runs once, what it wrote is compared with the reference, and only then is it timed.</summary>
public abstract class OperatorBenchmarks<TShape> : IOperatorBenchmarks
    where TShape : class
{
    // A prime number of elements, so that rows and planes do not repeat each other.
    private const int RandomCount = 1_000_003;

    private readonly List<IDisposable> _owned = [];
    private Device? _device;
    private float[]? _random;
    private Action _operation = () => { };
    private ProcessorUse? _use;
    private string? _key;
    private DeviceTimes? _deviceTimes;

    /// <summary>The name of a device, as <see cref="CudaBn.Device.Parse"/> takes it.</summary>
    [ParamsSource(nameof(DeviceNames), Priority = 1)]
    public string DeviceName { get; set; } = "cpu";

    [ParamsSource(nameof(Shapes))]
    public TShape Shape { get; set; } = null!;

    public IEnumerable<string> DeviceNames => Suite.Devices;

    public abstract IEnumerable<TShape> Shapes { get; }

    protected Device Device => _device ??= Device.Parse(DeviceName, out _);

    protected Backend Backend => Device.Backend;

    /// <summary>Whether this process does the work: if not, what does it would count as others' load.</summary>
    protected virtual bool WorksHere => true;

    private static TimeSpan PairingTime => TimeSpan.FromMilliseconds(Suite.IsQuick ? 50 : 200);

    /// <inheritdoc/>
    public abstract Work WorkOf(string benchmark);

    /// <inheritdoc/>
    /// <remarks>Results are written to tensors of their own, which the work counts, too.</remarks>
    public virtual long BytesNeeded(string benchmark) => WorkOf(benchmark).Bytes;

    /// <inheritdoc/>
    public virtual bool RunsOn(string benchmark, string device) => true;

    [GlobalCleanup]
    public virtual void Cleanup()
    {
        if (_key is not null)
        {
            var others = WorksHere ? _use?.OthersShare() : null;
            // Now that all code has run often enough to be compiled at its best.
            var paired = WorksHere && Device.Kind == DeviceKind.Cpu ? PairedTimer.Measure(_operation, PairingTime) : null;
            new CaseRecord { OthersShare = others, DeviceTimes = _deviceTimes, PairedTimes = paired }.Write(_key);
        }

        foreach (var owned in _owned)
            owned.Dispose();
        _owned.Clear();
    }

    /// <summary>Makes an operation, runs it once, checks what it did, and makes it what <see cref="Run"/> runs.</summary>
    /// <exception cref="WrongResultException">It computed something else than the reference.</exception>
    protected void Prepare(string benchmark, Func<CheckedOperation> make) => Prepare(benchmark, make, timesLaunches: true);

    /// <summary>The same of what records itself, and cannot be recorded once more.</summary>
    /// <inheritdoc cref="Prepare(string, Func{CheckedOperation})"/>
    protected void PrepareNetwork(string benchmark, Func<CheckedOperation> make) =>
        Prepare(benchmark, make, timesLaunches: false);

    /// <summary>The operation, to its end.</summary>
    protected void Run()
    {
        _operation();
        Backend.Synchronize();
    }

    protected T Own<T>(T owned)
        where T : IDisposable
    {
        _owned.Add(owned);
        return owned;
    }

    protected Tensor Empty(Shape shape, DType dtype = DType.Float32) => Own(new Tensor(shape, dtype, Device));

    protected Tensor Full(Shape shape, double value, DType dtype = DType.Float32)
    {
        var tensor = Empty(shape, dtype);
        Backend.Fill(tensor, value);
        return tensor;
    }

    protected Tensor Zeros(Shape shape, DType dtype = DType.Float32) => Own(Tensor.Zeros(shape, dtype, Device));

    /// <summary>A tensor of normally distributed numbers. Zeros would be faster on some machines, and denormal numbers
    /// slower.</summary>
    protected Tensor Normal(Shape shape)
    {
        var tensor = Empty(shape);
        if (Device.Kind != DeviceKind.Cpu)
        {
            Backend.FillNormal(new RandomFillArgs(tensor, Seed: 1, Stream: (uint)_owned.Count, First: 0, Second: 1));
            return tensor;
        }

        // Filled block by block: drawing a gigabyte takes longer than all that is timed.
        _random ??= RandomNumbers();
        var offset = 7919 * _owned.Count % RandomCount;
        for (long start = 0; start < tensor.ElementCount;)
        {
            var count = (int)Math.Min(RandomCount - offset, tensor.ElementCount - start);
            unsafe
            {
                _random.AsSpan(offset, count).CopyTo(new Span<float>((float*)tensor.Address + start, count));
            }

            start += count;
            offset = 0;
        }

        return tensor;
    }

    private void Prepare(string benchmark, Func<CheckedOperation> make, bool timesLaunches)
    {
        _key = CaseRecord.Key(BenchmarksType(), benchmark, Shape, DeviceName);
        try
        {
            var (operation, check) = make();
            operation();
            Backend.Synchronize();
            check();
            if (timesLaunches && Backend is CudaBackend cuda && cuda.CanRecord)
                _deviceTimes = new DeviceTimer(cuda).Measure(operation);
            _operation = operation;
        }
        catch (Exception e)
        {
            new CaseRecord { Failure = $"{e.GetType().Name}: {e.Message}" }.Write(_key);
            _key = null;
            throw;
        }

        _use = new ProcessorUse();
    }

    // BenchmarkDotNet derives a class of its own from the one that it was given.
    private Type BenchmarksType()
    {
        var type = GetType();
        while (!type.Name.EndsWith(MeasuredCase.ClassSuffix, StringComparison.Ordinal))
            type = type.BaseType!;
        return type;
    }

    private float[] RandomNumbers()
    {
        using var numbers = new Tensor([RandomCount], DType.Float32, Device);
        Backend.FillNormal(new RandomFillArgs(numbers, Seed: 1, Stream: 0, First: 0, Second: 1));
        return numbers.ToArray<float>();
    }
}
