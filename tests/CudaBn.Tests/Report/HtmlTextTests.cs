using System.Globalization;
using CudaBn.Cli;
using NUnit.Framework;

namespace CudaBn.Tests.Report;

public class HtmlTextTests
{
    [TestCase("<b>", "&lt;b&gt;")]
    [TestCase("\" onload='x'", "&quot; onload=&#39;x&#39;")]
    [TestCase("&amp;", "&amp;amp;")]
    [TestCase("a\0b\u001b[0m", "a\ufffdb\ufffd[0m")]
    [TestCase("tab\tand\nline", "tab\tand\nline")]
    [TestCase("tab\tand\u0001line\n", "tab\tand\ufffdline\n")]
    [TestCase("中文", "中文")]
    public void Value_IsEscaped(string value, string expected)
    {
        var html = new HtmlText();
        html.Add($"""<p title="{value}">""");
        Assert.That(html.ToString(), Is.EqualTo($"<p title=\"{expected}\">"));
    }

    [Test]
    public void Markup_IsWrittenAsItIs_AndNothingByNull()
    {
        var html = new HtmlText();
        html.Add($"{new HtmlMarkup("<br>")}{(string?)null}");
        html.Add(new HtmlMarkup("<hr>"));
        Assert.That(html.ToString(), Is.EqualTo("<br><hr>"));
    }

    [Test]
    public void Numbers_AreTheSameInEveryLanguage()
    {
        var before = CultureInfo.CurrentCulture;
        try
        {
            var german = (CultureInfo)CultureInfo.InvariantCulture.Clone();
            (german.NumberFormat.NumberDecimalSeparator, german.NumberFormat.NumberGroupSeparator) = (",", ".");
            CultureInfo.CurrentCulture = german;
            var html = new HtmlText();
            html.Add($"{1234.5:N1} {0.25}");
            Assert.That(html.ToString(), Is.EqualTo("1,234.5 0.25"));
        }
        finally
        {
            CultureInfo.CurrentCulture = before;
        }
    }

    [TestCase(0, "0 B")]
    [TestCase(999, "999 B")]
    [TestCase(1000, "1.0 kB")]
    [TestCase(131_072, "131 kB")]
    [TestCase(11_796_480, "11.8 MB")]
    [TestCase(999_600_000, "1.0 GB")]
    public void Bytes_HaveTheGreatestUnit(long bytes, string expected) =>
        Assert.That(Figures.Bytes(bytes), Is.EqualTo(expected));

    [TestCase(0, "0.0 s")]
    [TestCase(61.25, "61.2 s")]
    [TestCase(179, "3 min")]
    [TestCase(7260, "2 h 1 min")]
    public void Durations_AreForPeople(double seconds, string expected) =>
        Assert.That(Figures.Duration(seconds), Is.EqualTo(expected));

    [TestCase(0, "0")]
    [TestCase(0.12345, "0.123")]
    [TestCase(-12.345, "-12.3")]
    [TestCase(12345.6, "12,346")]
    [TestCase(0.00012345, "1.23e-4")]
    [TestCase(1.5e9, "1.5e+9")]
    public void ThreeDigits_OfAnySize(double value, string expected) =>
        Assert.That(Figures.ThreeDigits(value), Is.EqualTo(expected));
}
