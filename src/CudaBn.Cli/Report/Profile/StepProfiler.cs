using System.Diagnostics;

namespace CudaBn.Cli;

/// <summary>Measures the layers of a network, as they run in a training step.</summary>
internal sealed class StepProfiler : IStepWatch, IDisposable
{
    private const int MostPasses = 15;
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(0.5);

    private readonly Sequential _model;
    private readonly Dictionary<Layer, string> _paths;
    private readonly StepClock _clock;
    private readonly List<WatchedStep> _steps = [];
    private readonly Dictionary<IStep, WatchedStep> _known = [];
    private readonly Stack<WatchedStep> _open = [];

    private StepProfiler(Sequential model)
    {
        _model = model;
        _paths = model.PathsOfLayers().ToDictionary(layer => layer.Layer, layer => layer.Path);
        _clock = StepClock.Of(model.Device);
        SetWatch(this);
    }

    /// <summary>Measures a training step: a pass to warm up, and then as many as fit half a second, at least one. Parameters
    /// and running statistics are left as they were; gradients are those of the batch.</summary>
    /// <param name="model">A network in which at least one parameter learns.</param>
    /// <param name="batches">A loader of batches as in training, which are made anew for every pass.</param>
    /// <param name="recipe">What the optimizer is made by. It updates parameters of its own.</param>
    /// <exception cref="InsufficientMemoryException">The device has no room for it.</exception>
    public static StepProfile Measure(Sequential model, DataLoader batches, Recipe recipe)
    {
        using var twin = (Sequential)model.Copy();
        twin.Initialize(model.Device, model.DType);
        using var optimizer = recipe.Optimizer(twin);
        using var loss = new SoftmaxCrossEntropy();
        using var statistics = new SavedStatistics(model);
        using var profiler = new StepProfiler(model);
        model.IsTraining = true;
        return profiler.Measure(batches, loss, optimizer);
    }

    public Tensor Forward(Sequential container, int firstLayer, IStep step, Tensor input)
    {
        // Layers in a row cost what each of them does.
        if (step is Sequential)
            return step.Forward(input);
        var isNew = !_known.TryGetValue(step, out var watched);
        watched ??= _known[step] = Describe(container, firstLayer, step);
        _open.Push(watched);
        var from = _clock.Mark();
        var output = step.Forward(input);
        watched.ForwardMarks = (from, _clock.Mark());
        watched.BackwardMarks = null;
        watched.ActivationBytes = output.Storage == input.Storage ? 0 : output.ByteLength;
        _open.Pop();
        // Behind its parts.
        if (isNew)
            _steps.Add(watched);
        return output;
    }

    public Tensor? Backward(IStep step, Tensor gradOutput, bool needsInputGradient)
    {
        if (step is Sequential)
            return step.Backward(gradOutput, needsInputGradient);
        var from = _clock.Mark();
        var gradInput = step.Backward(gradOutput, needsInputGradient);
        _known[step].BackwardMarks = (from, _clock.Mark());
        return gradInput;
    }

    public void Dispose()
    {
        SetWatch(null);
        _model.ForgetForward();
        _clock.Dispose();
    }

    private void SetWatch(IStepWatch? watch)
    {
        foreach (var container in _model.SelfAndInnerLayers().OfType<Sequential>())
            container.Watch = watch;
    }

    private StepProfile Measure(DataLoader batches, SoftmaxCrossEntropy loss, Optimizer optimizer)
    {
        List<double> batch = [], lossForward = [], lossBackward = [], update = [];
        Pass(batches, loss, optimizer);
        var clock = Stopwatch.StartNew();
        for (var pass = 0; pass == 0 || (pass < MostPasses && clock.Elapsed < _patience); pass++)
        {
            var marks = Pass(batches, loss, optimizer);
            batch.Add(_clock.Between(marks.Start, marks.Batch));
            lossForward.Add(_clock.Between(marks.Forward, marks.Loss));
            lossBackward.Add(_clock.Between(marks.Loss, marks.LossGradient));
            update.Add(_clock.Between(marks.Backward, marks.Update));
            _steps.ForEach(step => step.Note(_clock));
        }

        return new StepProfile(
            batches.BatchSize, batch.Count, _clock.Method, batch.Median(), [.. _steps.Select(step => step.Cost())],
            lossForward.Median(), lossBackward.Median(), update.Median());
    }

    private Marks Pass(DataLoader batches, SoftmaxCrossEntropy loss, Optimizer optimizer)
    {
        var batch = batches.Claim(batches.StartEpoch(), 0);
        _clock.Finish();
        _clock.Restart();
        var start = _clock.Mark();
        batches.Gather(batch);
        var gathered = _clock.Mark();
        var logits = _model.Forward(batch.Images);
        var forward = _clock.Mark();
        loss.Forward(logits, batch.Labels);
        var lossForward = _clock.Mark();
        var gradient = loss.Backward();
        var lossBackward = _clock.Mark();
        _model.BackwardParameters(gradient);
        var backward = _clock.Mark();
        optimizer.Step();
        var updated = _clock.Mark();
        _clock.Finish();
        return new Marks(start, gathered, forward, lossForward, lossBackward, backward, updated);
    }

    private WatchedStep Describe(Sequential container, int firstLayer, IStep step)
    {
        var layers = container.Layers.Skip(firstLayer).Take(step.LayerCount).ToArray();
        var name = string.Join(" + ", layers.Select((layer, i) => i == 0 ? _paths[layer] : layer.Name));
        var parameters = layers.SelectMany(layer => layer.Parameters).Sum(parameter => parameter.Value.ElementCount);
        return new WatchedStep(name, parameters, _open.TryPeek(out var parent) ? parent : null);
    }

    private readonly record struct Marks(
        int Start, int Batch, int Forward, int Loss, int LossGradient, int Backward, int Update);
}
