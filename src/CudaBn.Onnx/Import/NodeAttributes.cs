using CudaBn.Onnx.Format;

namespace CudaBn.Onnx.Import;

/// <summary>The attributes of a node. What nobody has asked for in the end is not supported.</summary>
internal sealed class NodeAttributes(ModelGraph graph, NodeProto node)
{
    private readonly HashSet<string> _asked = [];

    public bool Has(string name) => node.Attributes.Any(attribute => attribute.Name == name);

    public int Int(string name, int otherwise)
    {
        var value = Find(name, AttributeType.Int)?.Int ?? otherwise;
        return value is >= int.MinValue and <= int.MaxValue
            ? (int)value
            : throw graph.Fault(node, $"{name} of 32 bits, found {value}");
    }

    public float Float(string name, float otherwise) => Find(name, AttributeType.Float)?.Float ?? otherwise;

    public string Text(string name, string otherwise) => Find(name, AttributeType.String)?.String ?? otherwise;

    /// <summary>So many whole numbers from 0 on.</summary>
    public int[] Sizes(string name, int count, int otherwise)
    {
        if (Find(name, AttributeType.Ints) is not { } attribute)
            return [.. Enumerable.Repeat(otherwise, count)];
        return attribute.Ints.Count == count && attribute.Ints.All(value => value is >= 0 and <= int.MaxValue)
            ? [.. attribute.Ints.Select(value => (int)value)]
            : throw NotSupported(attribute, $"{count} sizes");
    }

    /// <summary>Whole numbers; null where there is no such attribute.</summary>
    public IReadOnlyList<long>? Ints(string name) => Find(name, AttributeType.Ints)?.Ints;

    /// <summary>Requires a whole number, which is also what holds where there is no such attribute.</summary>
    public void RequireInt(string name, int only)
    {
        if (Find(name, AttributeType.Int) is { } attribute && attribute.Int != only)
            throw NotSupported(attribute, $"{only}");
    }

    /// <summary>Passes over an attribute that says nothing about inference.</summary>
    public void Ignore(string name) => _asked.Add(name);

    /// <summary>Refuses attributes that were not asked for.</summary>
    public void RequireNoMore()
    {
        if (node.Attributes.FirstOrDefault(attribute => !_asked.Contains(attribute.Name)) is { } other)
            throw graph.Fault(
                node, $"no attribute {FileText.Quoted(other.Name)}, found {Text(other)}, which is not supported");
    }

    private AttributeProto? Find(string name, AttributeType type)
    {
        _asked.Add(name);
        var attribute = node.Attributes.FirstOrDefault(attribute => attribute.Name == name);
        return attribute is null || attribute.Type == type
            ? attribute
            : throw NotSupported(attribute, $"a value of type {(int)type}");
    }

    private InvalidDataException NotSupported(AttributeProto attribute, string expected) => graph.Fault(
        node,
        $"attribute {FileText.Quoted(attribute.Name)} of {expected}, found {Text(attribute)}, which is not supported");

    private static string Text(AttributeProto attribute) => FileText.Quoted($"{attribute}")[1..^1];
}
