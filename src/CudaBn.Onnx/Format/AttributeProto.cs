using System.Globalization;
using System.Text;

namespace CudaBn.Onnx.Format;

/// <summary>A named constant of a node. Graphs inside are passed over when it is read, so that messages nest no deeper than
/// a tensor in an attribute in a node.</summary>
internal sealed class AttributeProto : IMessage
{
    public string Name { get; set; } = "";

    public AttributeType Type { get; set; }

    public float Float { get; set; }

    public long Int { get; set; }

    public string String { get; set; } = "";

    public TensorProto? Tensor { get; set; }

    public IReadOnlyList<float> Floats { get; set; } = [];

    public IReadOnlyList<long> Ints { get; set; } = [];

    public static AttributeProto Of(string name, float value) =>
        new() { Name = name, Type = AttributeType.Float, Float = value };

    public static AttributeProto Of(string name, int value) => new() { Name = name, Type = AttributeType.Int, Int = value };

    public static AttributeProto Of(string name, string value) =>
        new() { Name = name, Type = AttributeType.String, String = value };

    public static AttributeProto Of(string name, params IReadOnlyList<int> values) =>
        new() { Name = name, Type = AttributeType.Ints, Ints = [.. values.Select(value => (long)value)] };

    public static AttributeProto Read(MessageReader reader)
    {
        var attribute = new AttributeProto();
        List<float>? floats = null;
        List<long>? ints = null;
        while (reader.Next() is > 0 and var field)
        {
            switch (field)
            {
                case 1:
                    attribute.Name = reader.Text();
                    break;
                case 2:
                    attribute.Float = reader.Single();
                    break;
                case 3:
                    attribute.Int = reader.Int64();
                    break;
                case 4:
                    attribute.String = Encoding.UTF8.GetString(reader.Bytes().Span);
                    break;
                case 5:
                    attribute.Tensor = TensorProto.Read(reader.Message());
                    break;
                case 7:
                    reader.AddSingles(floats ??= []);
                    break;
                case 8:
                    reader.AddInt64s(ints ??= []);
                    break;
                case 20:
                    attribute.Type = (AttributeType)reader.Int64();
                    break;
                default:
                    reader.Skip();
                    break;
            }
        }

        if (attribute.Name.Length == 0)
            throw reader.Fault("an attribute with a name before this place");
        if (floats is not null)
            attribute.Floats = floats;
        if (ints is not null)
            attribute.Ints = ints;
        return attribute;
    }

    public void Write(MessageWriter writer)
    {
        writer.Write(1, Name);
        switch (Type)
        {
            case AttributeType.Float:
                writer.Write(2, Float);
                break;
            case AttributeType.Int:
                writer.Write(3, Int);
                break;
            case AttributeType.String:
                writer.Write(4, Encoding.UTF8.GetBytes(String));
                break;
            case AttributeType.Tensor when Tensor is not null:
                writer.Write(5, Tensor);
                break;
            case AttributeType.Floats:
                foreach (var value in Floats)
                    writer.Write(7, value);
                break;
            case AttributeType.Ints:
                foreach (var value in Ints)
                    writer.Write(8, value);
                break;
            default:
                throw new InvalidOperationException($"An attribute of type {Type} has nothing to write.");
        }

        writer.Write(20, (long)Type);
    }

    /// <summary>The value, as messages show it.</summary>
    public override string ToString() => Type switch
    {
        AttributeType.Float => Float.ToString(CultureInfo.InvariantCulture),
        AttributeType.Int => Int.ToString(CultureInfo.InvariantCulture),
        AttributeType.String => String,
        AttributeType.Floats => $"[{string.Join(", ", Floats.Select(v => v.ToString(CultureInfo.InvariantCulture)))}]",
        AttributeType.Ints => $"[{string.Join(", ", Ints)}]",
        AttributeType.Tensor => "a tensor",
        _ => $"a value of type {(int)Type}",
    };
}
