namespace CudaBn.Serialization;

/// <summary>The element types that NumPy and safetensors share, and what NumPy calls them.</summary>
internal static class NpyDType
{
    private static readonly (string Npy, string SafeTensors)[] _names =
    [
        ("f2", "F16"), ("f4", "F32"), ("f8", "F64"),
        ("i1", "I8"), ("i2", "I16"), ("i4", "I32"), ("i8", "I64"),
        ("u1", "U8"), ("u2", "U16"), ("u4", "U32"), ("u8", "U64"),
        ("b1", "BOOL"),
    ];

    /// <summary>All of NumPy's names, for messages.</summary>
    public static string Names => string.Join(", ", _names.Select(name => name.Npy));

    /// <summary>The name in safetensors of what a .npy header describes; null where there is none.</summary>
    /// <param name="description">A kind and a size behind an optional mark of the byte order, such as &lt;f4.</param>
    /// <param name="isBigEndian">Whether the bytes of an element stand in reverse.</param>
    public static string? ToSafeTensors(string description, out bool isBigEndian)
    {
        isBigEndian = description.StartsWith('>');
        var name = description.AsSpan(description is ['<' or '>' or '|' or '=', ..] ? 1 : 0);
        foreach (var (npy, safeTensors) in _names)
        {
            if (name.SequenceEqual(npy))
                return safeTensors;
        }

        return null;
    }

    /// <summary>What a .npy header calls an element type, little-endian; null for BF16, which NumPy does not
    /// have.</summary>
    public static string? FromSafeTensors(string dtype)
    {
        foreach (var (npy, safeTensors) in _names)
        {
            if (dtype == safeTensors)
                return (npy[1] == '1' ? "|" : "<") + npy;
        }

        return null;
    }

    /// <summary>What a description that no tensor has stands for.</summary>
    public static string Meaning(string description) => description.TrimStart('<', '>', '|', '=') switch
    {
        "O" => "Python objects, which are pickled: such files can run code, and are never read",
        ['c', ..] => "complex numbers",
        ['U', ..] or ['S', ..] or ['a', ..] => "text",
        ['M', ..] or ['m', ..] => "times",
        ['V', ..] => "bytes without a type",
        _ => "an unknown type",
    };
}
