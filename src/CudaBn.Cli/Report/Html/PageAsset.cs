using System.Security.Cryptography;
using System.Text;

namespace CudaBn.Cli;

/// <summary>A style sheet or script that is embedded in this assembly and goes into a page as it is.</summary>
/// <param name="Content">Its text.</param>
/// <param name="Hash">What a page's policy admits it by.</param>
internal sealed record PageAsset(HtmlMarkup Content, string Hash)
{
    public static PageAsset Load(string name)
    {
        using var stream = typeof(PageAsset).Assembly.GetManifestResourceStream(name)
            ?? throw new InvalidOperationException($"{name} is not embedded.");
        using var reader = new StreamReader(stream);
        // As a browser reads them, and thus hashes them.
        var text = reader.ReadToEnd().ReplaceLineEndings("\n");
        var hash = Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
        return new PageAsset(new HtmlMarkup(text), $"sha256-{hash}");
    }
}
