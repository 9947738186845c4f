using CudaBn.Backends.OpArgs;

namespace CudaBn.Backends.Cpu;

/// <summary>The windows of average pooling along one axis, in tables: of a fixed size or not, they are worked out once per
/// call, not once per plane.</summary>
internal readonly unsafe struct AverageAxis
{
    private readonly IndexRange* _inputs;
    private readonly IndexRange* _outputs;
    private readonly int* _places;

    private AverageAxis(int input, int output, byte* memory)
    {
        (In, Out) = (input, output);
        _inputs = (IndexRange*)memory;
        _outputs = _inputs + output;
        _places = (int*)(_outputs + input);
    }

    /// <summary>The inputs of the axis.</summary>
    public int In { get; }

    /// <summary>The outputs of the axis.</summary>
    public int Out { get; }

    /// <summary>The memory that the tables need.</summary>
    public static long Bytes(int input, int output) =>
        (long)sizeof(IndexRange) * (input + (long)output) + sizeof(int) * (long)output;

    /// <summary>Windows of a fixed size.</summary>
    /// <param name="input">The inputs.</param>
    /// <param name="output">The windows.</param>
    /// <param name="window">Their size.</param>
    /// <param name="stride">From one to the next.</param>
    /// <param name="padding">Before and behind the input.</param>
    /// <param name="countsPadding">Whether padding counts among a window's places.</param>
    /// <param name="places">Above 0: every window has so many places.</param>
    /// <param name="memory">Room for <see cref="Bytes"/>.</param>
    public static AverageAxis Fixed(
        int input, int output, int window, int stride, int padding, bool countsPadding, int places, byte* memory)
    {
        var axis = new AverageAxis(input, output, memory);
        for (var o = 0; o < output; o++)
        {
            var start = o * stride - padding;
            // Places up to the edge of the input, and to that of the padded input.
            int inside = Math.Min(window, input - start), counted = Math.Min(window, input + padding - start);
            axis._inputs[o] = new IndexRange(Math.Max(0, start), start + inside);
            axis._places[o] = places > 0 ? places : countsPadding ? counted : start + inside - Math.Max(0, start);
        }

        axis.FindOutputs();
        return axis;
    }

    /// <summary>Windows that share out the inputs, see <see cref="AdaptiveAvgPoolGeometry"/>.</summary>
    public static AverageAxis Adaptive(int input, int output, byte* memory)
    {
        var axis = new AverageAxis(input, output, memory);
        for (var o = 0; o < output; o++)
        {
            int start = (int)((long)o * input / output), end = (int)(((o + 1L) * input + output - 1) / output);
            axis._inputs[o] = new IndexRange(start, end);
            axis._places[o] = end - start;
        }

        axis.FindOutputs();
        return axis;
    }

    /// <summary>The inputs that a window covers.</summary>
    public IndexRange InputsOf(int output) => _inputs[output];

    /// <summary>The windows that cover an input; none where the step is larger than the window.</summary>
    public IndexRange OutputsOf(int input) => _outputs[input];

    /// <summary>The places that count in a window.</summary>
    public int PlacesOf(int output) => _places[output];

    // Neither starts nor ends of windows ever go back.
    private void FindOutputs()
    {
        int start = 0, end = 0;
        for (var i = 0; i < In; i++)
        {
            while (start < Out && _inputs[start].End <= i)
                start++;
            while (end < Out && _inputs[end].Start <= i)
                end++;
            _outputs[i] = new IndexRange(start, end);
        }
    }
}
