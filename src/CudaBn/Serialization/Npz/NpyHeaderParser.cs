using System.Collections.Immutable;
using System.Globalization;

namespace CudaBn.Serialization;

/// <summary>Reads the text of a .npy header: a Python dictionary of descr, fortran_order and shape.</summary>
internal ref struct NpyHeaderParser
{
    private readonly string _text;
    private readonly string _place;
    private readonly int _textAt;
    private int _at;

    /// <param name="text">The header's text.</param>
    /// <param name="place">What messages call the file.</param>
    /// <param name="textAt">Where in the file the text starts.</param>
    public NpyHeaderParser(string text, string place, int textAt) => (_text, _place, _textAt) = (text, place, textAt);

    /// <exception cref="InvalidDataException">The text is not that of a header, or describes no tensor.</exception>
    public NpyHeader Parse()
    {
        string? description = null;
        bool? isFortranOrder = null;
        ImmutableArray<long>? shape = null;
        var descriptionAt = 0;
        Require('{');
        while (!Takes('}'))
        {
            SkipBlanks();
            var keyAt = _at;
            var key = ReadString();
            Require(':');
            switch (key)
            {
                case "descr" when description is null:
                    SkipBlanks();
                    descriptionAt = _at;
                    description = _at < _text.Length && _text[_at] == '['
                        ? throw Fault(_at, $"a type out of {NpyDType.Names}", "a list: records of several types")
                        : ReadString();
                    break;
                case "fortran_order" when isFortranOrder is null:
                    isFortranOrder = ReadBoolean();
                    break;
                case "shape" when shape is null:
                    shape = ReadShape();
                    break;
                default:
                    throw Fault(keyAt, "descr, fortran_order and shape, each once", BrokenFile.Quote(key));
            }

            if (!Takes(','))
            {
                Require('}');
                break;
            }
        }

        SkipBlanks();
        if (_at < _text.Length)
            throw Fault(_at, "blanks up to the end of the header", Found());
        if (description is null || isFortranOrder is not { } isFortran || shape is not { } sizes)
            throw Fault(0, "descr, fortran_order and shape", "not all of them");
        var dtype = NpyDType.ToSafeTensors(description, out var isBigEndian) ?? throw Fault(
            descriptionAt, $"a type out of {NpyDType.Names}",
            $"{BrokenFile.Quote(description)}, {NpyDType.Meaning(description)}");
        return new NpyHeader(dtype, isBigEndian, isFortran, sizes, _textAt + _text.Length);
    }

    private string ReadString()
    {
        SkipBlanks();
        if (_at == _text.Length || _text[_at] is not ('\'' or '"'))
            throw Fault(_at, "a string", Found());
        var end = _text.IndexOf(_text[_at], _at + 1);
        if (end < 0)
            throw Fault(_at, "a string that ends", "none");
        var value = _text[(_at + 1)..end];
        if (value.Contains('\\'))
            throw Fault(_at, "a string without escapes", BrokenFile.Quote(value));
        _at = end + 1;
        return value;
    }

    private bool ReadBoolean()
    {
        SkipBlanks();
        foreach (var (word, value) in (ReadOnlySpan<(string, bool)>)[("True", true), ("False", false)])
        {
            if (_text.AsSpan(_at).StartsWith(word))
            {
                _at += word.Length;
                return value;
            }
        }

        throw Fault(_at, "True or False", Found());
    }

    private ImmutableArray<long> ReadShape()
    {
        var sizes = ImmutableArray.CreateBuilder<long>();
        Require('(');
        while (!Takes(')'))
        {
            sizes.Add(ReadSize());
            if (!Takes(','))
            {
                Require(')');
                // In Python, brackets around one number without a comma are a number.
                if (sizes.Count == 1)
                    throw Fault(_at - 1, "a comma behind the only size", "none");
                break;
            }
        }

        return sizes.DrainToImmutable();
    }

    private long ReadSize()
    {
        SkipBlanks();
        var start = _at;
        while (_at < _text.Length && char.IsAsciiDigit(_text[_at]))
            _at++;
        if (!long.TryParse(_text.AsSpan(start, _at - start), NumberStyles.None, CultureInfo.InvariantCulture, out var size))
        {
            _at = start;
            throw Fault(start, "a size from 0 to 2^63-1", Found());
        }

        // Python 2 wrote an L behind long integers.
        if (_at < _text.Length && _text[_at] == 'L')
            _at++;
        return size;
    }

    private void Require(char symbol)
    {
        if (!Takes(symbol))
            throw Fault(_at, $"'{symbol}'", Found());
    }

    private bool Takes(char symbol)
    {
        SkipBlanks();
        if (_at == _text.Length || _text[_at] != symbol)
            return false;
        _at++;
        return true;
    }

    private void SkipBlanks()
    {
        while (_at < _text.Length && _text[_at] is ' ' or '\n' or '\t' or '\r')
            _at++;
    }

    private readonly string Found()
    {
        const int longest = 24;
        return _at == _text.Length
            ? "the end of the header"
            : BrokenFile.Quote(_text.Substring(_at, Math.Min(longest, _text.Length - _at)));
    }

    private readonly InvalidDataException Fault(int at, string expected, string found) =>
        BrokenFile.At(_place, _textAt + at, expected, found);
}
