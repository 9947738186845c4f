namespace CudaBn.Tests.Reference;

/// <summary>A sum in double whose error does not grow with the number of its terms: what every addition rounds off is
/// summed apart. Without it a reference in double is no better than what it judges in double.</summary>
/// <remarks>Neumaier, "Rundungsfehleranalyse einiger Verfahren zur Summation endlicher Summen", 1974.</remarks>
public struct CompensatedSum
{
    private double _sum;
    private double _roundedOff;

    /// <summary>The sum of all terms so far; not a number, or infinite, where that of doubles is.</summary>
    public readonly double Value => double.IsFinite(_sum) ? _sum + _roundedOff : _sum;

    /// <summary>Adds a term.</summary>
    public void Add(double term)
    {
        var sum = _sum + term;
        _roundedOff += Math.Abs(_sum) >= Math.Abs(term) ? _sum - sum + term : term - sum + _sum;
        _sum = sum;
    }
}
