using System.Runtime.InteropServices;
using CudaBn.Serialization;

namespace CudaBn.Cli;

/// <summary>Turns the first SIGINT (Ctrl-C) or SIGTERM into a cancellation; the second ends the process at once, and leaves no
/// file half written.</summary>
internal sealed class Interruption : IDisposable
{
    private readonly CancellationTokenSource _source = new();
    private readonly PosixSignalRegistration[] _registrations;
    private readonly bool _endsAtOnce;

    /// <param name="endsAtOnce">Whether the first signal already does what the second does: for what has nothing to
    /// save.</param>
    public Interruption(bool endsAtOnce = false)
    {
        _endsAtOnce = endsAtOnce;
        _registrations =
        [
            PosixSignalRegistration.Create(PosixSignal.SIGINT, OnSignal),
            PosixSignalRegistration.Create(PosixSignal.SIGTERM, OnSignal),
        ];
    }

    public CancellationToken Token => _source.Token;

    public void Dispose()
    {
        foreach (var registration in _registrations)
            registration.Dispose();
        _source.Dispose();
    }

    private void OnSignal(PosixSignalContext context)
    {
        context.Cancel = true;
        if (!_endsAtOnce && !_source.IsCancellationRequested)
        {
            _source.Cancel();
            return;
        }

        // A live table hides the cursor, and nothing else is left to bring it back.
        if (Terminal.IsInteractive)
            Console.Write("\u001b[?25h");
        AtomicFile.AbandonAll();
        Environment.Exit(ExitCodes.Interrupted);
    }
}
