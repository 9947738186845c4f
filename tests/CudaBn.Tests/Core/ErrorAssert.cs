using NUnit.Framework;

namespace CudaBn.Tests.Core;

/// <summary>Checks of errors a user reads: the type, one line, and what the line holds.</summary>
public static class ErrorAssert
{
    /// <summary>Fails unless the action throws exactly <typeparamref name="TException"/> with a message of one line that
    /// holds every part.</summary>
    public static void Throws<TException>(Action action, params string[] parts)
        where TException : Exception
    {
        Exception? thrown = null;
        try
        {
            action();
        }
        catch (Exception e)
        {
            thrown = e;
        }

        Assert.That(thrown, Is.TypeOf<TException>());
        Assert.That(thrown!.Message, Is.Not.Empty.And.Not.Contains("\n"));
        foreach (var part in parts)
            Assert.That(thrown.Message, Does.Contain(part));
    }
}
