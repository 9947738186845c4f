using System.Text;

namespace CudaBn.Cli;

/// <summary>The members of an enumeration as words that are typed: FashionMnist is fashion-mnist.</summary>
internal static class Choices
{
    public static string Word<T>(T value)
        where T : struct, Enum
    {
        var word = new StringBuilder();
        foreach (var letter in value.ToString())
        {
            if (char.IsUpper(letter) && word.Length > 0)
                word.Append('-');
            word.Append(char.ToLowerInvariant(letter));
        }

        return word.ToString();
    }

    /// <summary>The member of a word; null where there is none.</summary>
    public static T? Of<T>(string? word)
        where T : struct, Enum
    {
        foreach (var value in Enum.GetValues<T>())
        {
            if (Word(value) == word)
                return value;
        }

        return null;
    }

    public static IEnumerable<string> Words<T>()
        where T : struct, Enum => Enum.GetValues<T>().Select(Word);

    /// <summary>All words, as messages list them: a, b or c.</summary>
    public static string List<T>()
        where T : struct, Enum => List([.. Words<T>()]);

    /// <summary>Words as messages list them: a, b or c.</summary>
    public static string List(IReadOnlyList<string> words) =>
        words.Count == 1 ? words[0] : $"{string.Join(", ", words.SkipLast(1))} or {words[^1]}";
}
