using System.Runtime.InteropServices;

namespace CudaBn.Cli;

/// <summary>Turns the first SIGINT (Ctrl-C) or SIGTERM into a cancellation; the second ends the process at
/// once.</summary>
internal sealed class Interruption : IDisposable
{
    private readonly CancellationTokenSource _source = new();
    private readonly PosixSignalRegistration[] _registrations;

    public Interruption() =>
        _registrations =
        [
            PosixSignalRegistration.Create(PosixSignal.SIGINT, OnSignal),
            PosixSignalRegistration.Create(PosixSignal.SIGTERM, OnSignal),
        ];

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
        if (!_source.IsCancellationRequested)
        {
            _source.Cancel();
            return;
        }

        // A live table hides the cursor, and nothing else is left to bring it back.
        if (Terminal.IsInteractive)
            Console.Write("\u001b[?25h");
        Environment.Exit(ExitCodes.Interrupted);
    }
}
