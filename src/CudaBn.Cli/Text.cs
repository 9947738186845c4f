using System.Globalization;

namespace CudaBn.Cli;

/// <summary>Text that reads the same whatever the language of the user.</summary>
internal static class Text
{
    public static string Of(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
