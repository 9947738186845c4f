using System.Globalization;
using System.Net;
using System.Runtime.CompilerServices;
using System.Text;

namespace CudaBn.Cli;

/// <summary>A page under construction. What stands in its templates is markup; every value put into them is escaped, for
/// elements and quoted attributes alike, and numbers are written the same in every language of the user.</summary>
internal sealed class HtmlText
{
    private readonly StringBuilder _text = new();

    /// <summary>Adds a template.</summary>
    public void Add(Template template) => _text.Append(template.Filled);

    /// <summary>Adds markup.</summary>
    public void Add(HtmlMarkup markup) => _text.Append(markup.Html);

    public override string ToString() => _text.ToString();

    /// <summary>The characters of a value as text in HTML; those that no text may hold, by the replacement
    /// character.</summary>
    private static string Escaped(string value) => WebUtility.HtmlEncode(
        value.AsSpan().ContainsAnyInRange('\0', '\b') || value.AsSpan().ContainsAnyInRange('\u000e', '\u001f')
            ? string.Create(value.Length, value, static (to, from) =>
            {
                for (var i = 0; i < to.Length; i++)
                    to[i] = from[i] is <= '\b' or (>= '\u000e' and <= '\u001f') ? '\ufffd' : from[i];
            })
            : value);

    /// <summary>What an interpolated string becomes.</summary>
    [InterpolatedStringHandler]
    public readonly struct Template(int literalLength, int formattedCount)
    {
        public StringBuilder Filled { get; } = new(literalLength + (8 * formattedCount));

        public void AppendLiteral(string markup) => Filled.Append(markup);

        public void AppendFormatted(HtmlMarkup markup) => Filled.Append(markup.Html);

        public void AppendFormatted(string? value)
        {
            if (value is not null)
                Filled.Append(Escaped(value));
        }

        public void AppendFormatted<T>(T value, string? format = null)
            where T : IFormattable => AppendFormatted(value.ToString(format, CultureInfo.InvariantCulture));
    }
}
