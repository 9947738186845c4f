namespace CudaBn;

/// <content>What becomes of values that are NaN or infinite.</content>
public sealed partial class Trainer
{
    private LossWatch? _watch;
    private NonFiniteSearch? _search;
    private (DataLoader? Loader, Batch Batch) _trainedOn;
    private (int Epoch, int Step)? _place;
    private bool _stateWasFinite;

    /// <summary>Whether every step looks at what every layer makes: outputs, gradients, updated parameters and what else lasts
    /// (false by default). Training then ends at the first value that is NaN or infinite, which its exception names, and a
    /// gradient of that kind never reaches a parameter. Steps wait for the device twice, run layer by layer and are not recorded:
    /// outputs are the same bit for bit, gradients up to rounding.</summary>
    public bool DetectAnomalies
    {
        get;
        set => (field, _stateWasFinite) = (value, false);
    }

    private NonFiniteSearch Search => _search ??= new NonFiniteSearch(_model, _optimizer);

    /// <summary>Waits for the device and makes sure that all losses so far were finite, and that parameters, what the optimizer
    /// keeps of them, and running statistics are. To be called before they are saved; <see cref="Fit"/> does after every
    /// epoch.</summary>
    /// <exception cref="NonFiniteException">Something is NaN or infinite.</exception>
    public void ThrowIfNonFinite()
    {
        ThrowIfLossWasNotFinite();
        Search.NoteState();
        if (Search.First(out var count) is not { } first)
            return;
        var place = PlaceOf(StepsDone, stepsAgo: 0);
        throw new NonFiniteException(
            _watch is null
                ? $"Before the first step, there is {first}{AndOthers(count)} already."
                : $"After {place}, whose loss was still finite, there is {first}{AndOthers(count)}. "
                + "It came with that step, or with one before it that no loss has shown.",
            place, first);
    }

    /// <summary>A step that looks at all it makes.</summary>
    private void TrainLookingOn(DataLoader? loader, Batch batch)
    {
        var place = PlaceOf(StepsDone + 1, stepsAgo: 0);
        if (!_stateWasFinite)
        {
            Search.NoteState();
            if (Search.First(out var before) is { } old)
                throw new NonFiniteException(
                    $"Before {place}, there is {old}{AndOthers(before)} already.", place, old);
        }

        if (FirstOfPass(loader, batch, isWithBackward: true) is { } first)
            throw new NonFiniteException(
                $"In {place}, the first value that is not finite is {first}; {Given(first)}. "
                + "Parameters and optimizer are as they were before that step.",
                place, first);
        _optimizer.Step();
        Search.NoteState();
        if (Search.First(out var count) is { } updated)
            throw new NonFiniteException(
                $"After {place}, there is {updated}{AndOthers(count)}; before it there was not, and all outputs and gradients of "
                + "the step are finite.",
                place, updated);
        _stateWasFinite = true;
    }

    private void ThrowIfLossWasNotFinite()
    {
        if (_watch?.Look() is not { } stepsAgo)
            return;
        var place = PlaceOf(StepsDone - stepsAgo, stepsAgo);
        // That step, and none since, has changed a parameter.
        StepsDone = place.Step - 1;
        _watch.Reset();
        throw Explain(place, stepsAgo);
    }

    private NonFiniteException Explain(TrainingPlace place, long stepsAgo)
    {
        Search.NoteState();
        if (Search.First(out var count) is { Origin: NonFiniteOrigin.Update } parameter)
            return new NonFiniteException(
                $"The loss of {place} is not finite: before that step, there is {parameter}{AndOthers(count)}. "
                + "It came with the update before, whose loss was finite, or with one before it that no loss has shown.",
                place, parameter);

        var isAtHand = _trainedOn.Loader is not null || stepsAgo == 0;
        if (FirstOfRepeatedPass(stepsAgo) is not { } first)
            return new NonFiniteException(
                $"The loss of {place} is not finite. "
                + (isAtHand ? "Run again, that step makes nothing of the kind" : "Its batch is no longer at hand")
                + $"; {nameof(DetectAnomalies)} names the layer. Parameters and optimizer are as they were before that step.",
                place, first: null);
        return new NonFiniteException(
            $"The loss of {place} is not finite. "
            + (isAtHand ? "Run again, that step makes" : "Its batch is no longer at hand; with the same parameters, a later one makes")
            + $" {first} first; {Given(first)}. Parameters and optimizer are as they were before that step.",
            place, first);
    }

    /// <summary>What an evaluation made first that was not finite, after training whose losses all were.</summary>
    private NonFiniteException ExplainEvaluation(DataLoader data)
    {
        var place = PlaceOf(StepsDone, stepsAgo: 0);
        var wasTraining = _model.IsTraining;
        var totals = _loss.ReadTotals();
        _model.IsTraining = false;
        try
        {
            var epoch = data.StartEpoch();
            for (var i = 0; i < data.BatchCount; i++)
            {
                if (FirstOfPass(data, data.Claim(epoch, i), isWithBackward: false) is { } first)
                    return new NonFiniteException(
                        $"After {place}, the loss on the test images is not finite. In evaluation, batch {i + 1} of "
                        + $"{data.BatchCount} makes {first} first; {Given(first)}.",
                        place, first);
            }
        }
        finally
        {
            _model.IsTraining = wasTraining;
            _loss.WriteTotals(totals);
        }

        return new NonFiniteException(
            $"After {place}, the loss on the test images is not finite. Run again, the evaluation makes nothing of the kind.",
            place, first: null);
    }

    /// <summary>The first value that is not finite in a forward pass on the batch of a step that changed nothing, like those
    /// since. All that the pass changes is put back.</summary>
    private NonFiniteValue? FirstOfRepeatedPass(long stepsAgo)
    {
        var (loader, batch) = _trainedOn;
        if (loader is not null)
            batch = loader.GatherAgain(_place!.Value.Step - 1 - (int)stepsAgo);
        var dropouts = _model.SelfAndInnerLayers().OfType<Dropout>()
            .Where(dropout => dropout is { IsTraining: true, P: > 0 }).Select(dropout => dropout.Step!).ToArray();
        Tensor[] changed = [.. _model.State.Select(state => state.Tensor), .. dropouts];
        var copies = Array.ConvertAll(changed, tensor => new Tensor(tensor.Shape, tensor.DType, tensor.Device));
        try
        {
            for (var i = 0; i < changed.Length; i++)
                copies[i].CopyFrom(changed[i]);
            foreach (var step in dropouts)
                step.CopyFrom<long>([step.ToArray<long>()[0] - stepsAgo - 1]);
            return FirstOfPass(loader: null, batch, isWithBackward: false);
        }
        finally
        {
            for (var i = 0; i < changed.Length; i++)
            {
                changed[i].CopyFrom(copies[i]);
                copies[i].Dispose();
            }
        }
    }

    /// <summary>The first value that is not finite in a pass over a batch, layer by layer.</summary>
    private NonFiniteValue? FirstOfPass(DataLoader? loader, Batch batch, bool isWithBackward)
    {
        const string lossType = nameof(SoftmaxCrossEntropy);
        Search.StartObserving();
        try
        {
            loader?.Gather(batch);
            Search.Note(NonFiniteOrigin.Input, "", "the batch", "the images", batch.Images);
            var loss = _loss.Forward(_model.Forward(batch.Images), batch.Labels);
            Search.Note(NonFiniteOrigin.Loss, "", lossType, "the loss", loss);
            if (isWithBackward)
            {
                var gradLogits = _loss.Backward();
                Search.Note(NonFiniteOrigin.Backward, "", lossType, "the gradient by the logits", gradLogits);
                _model.BackwardParameters(gradLogits);
            }

            return Search.First(out _);
        }
        finally
        {
            Search.StopObserving();
        }
    }

    private TrainingPlace PlaceOf(long step, long stepsAgo) =>
        new(step, _place?.Epoch, _place is { } place ? place.Step - (int)stepsAgo : null);

    private static string AndOthers(int count) =>
        count == 1 ? "" : $" ({count} tensors have such values; the backward pass comes to this one first)";

    private static string Given(NonFiniteValue first) => first.Origin switch
    {
        NonFiniteOrigin.Input => "no layer has seen them yet",
        NonFiniteOrigin.Forward => "what the layer was given is finite, and so are its parameters",
        NonFiniteOrigin.Loss => "its logits are finite",
        _ => "the outputs of all layers, and the gradient that this one was given, are finite",
    };
}
