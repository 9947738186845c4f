using System.Globalization;

namespace CudaBn;

/// <summary>A value that is NaN or infinite, and where it is.</summary>
/// <param name="Origin">What kind of tensor it is in.</param>
/// <param name="Layer">The layer, by its place in the model.</param>
/// <param name="LayerType">Its type.</param>
/// <param name="Tensor">What of the layer, such as "the output".</param>
/// <param name="Shape">The shape of the tensor.</param>
/// <param name="Index">The place in the tensor, row-major.</param>
/// <param name="Value">The value.</param>
internal sealed record NonFiniteValue(
    NonFiniteOrigin Origin, string Layer, string LayerType, string Tensor, Shape Shape, long Index, double Value)
{
    /// <summary>Such as <c>NaN at [0, 3, 1, 2] of the output of BatchNorm 'bn1'</c>.</summary>
    public override string ToString()
    {
        var layer = Layer == LayerType || Layer.Length == 0 ? LayerType : $"{LayerType} '{Layer}'";
        return $"{Word(Value)} at [{string.Join(", ", Coordinates())}] of {Tensor} of {layer}";
    }

    /// <summary>The value as messages have it, in every language of the user.</summary>
    public static string Word(double value) => value.ToString(CultureInfo.InvariantCulture);

    private long[] Coordinates()
    {
        var coordinates = new long[Shape.Rank];
        var rest = Index;
        for (var axis = Shape.Rank - 1; axis >= 0; axis--)
            (rest, coordinates[axis]) = Math.DivRem(rest, Shape[axis]);
        return coordinates;
    }
}
