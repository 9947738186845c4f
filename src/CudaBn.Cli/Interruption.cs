using System.Runtime.InteropServices;
using CudaBn.Serialization;

namespace CudaBn.Cli;

/// <summary>Turns the first SIGINT (Ctrl-C), SIGTERM or SIGHUP (the terminal is gone) into a cancellation; a second SIGINT or
/// SIGTERM ends the process at once, and leaves no file half written. On Windows these are Ctrl-C or Ctrl-Break, the system
/// shutting down, and the closing of the window.</summary>
internal sealed class Interruption : IDisposable
{
    private readonly CancellationTokenSource _source = new();
    private readonly TaskCompletionSource _disposed = new();
    private readonly PosixSignalRegistration[] _registrations;
    private readonly bool _endsAtOnce;

    /// <param name="endsAtOnce">Whether the first signal already does what the second does: for what has nothing to
    /// save.</param>
    public Interruption(bool endsAtOnce = false)
    {
        _endsAtOnce = endsAtOnce;
        List<PosixSignal> signals = [PosixSignal.SIGINT, PosixSignal.SIGTERM, PosixSignal.SIGHUP];
        // Ctrl-Break there; elsewhere it asks for a dump.
        if (OperatingSystem.IsWindows())
            signals.Add(PosixSignal.SIGQUIT);
        _registrations = [.. signals.Select(signal => PosixSignalRegistration.Create(signal, OnSignal))];
    }

    public CancellationToken Token => _source.Token;

    public void Dispose()
    {
        foreach (var registration in _registrations)
            registration.Dispose();
        _source.Dispose();
        _disposed.SetResult();
    }

    private void OnSignal(PosixSignalContext context)
    {
        context.Cancel = true;
        // A shell that loses its terminal passes this on, and the system sends it once more.
        if (context.Signal == PosixSignal.SIGHUP && _source.IsCancellationRequested)
            return;
        if (!_endsAtOnce && !_source.IsCancellationRequested)
        {
            _source.Cancel();
            // For these, Windows ends the process as soon as this returns, whatever it says, and after some seconds anyway.
            if (OperatingSystem.IsWindows() && context.Signal is PosixSignal.SIGTERM or PosixSignal.SIGHUP)
                _disposed.Task.Wait();
            return;
        }

        AtomicFile.AbandonAll();
        // A live table hides the cursor, and nothing else is left to bring it back.
        if (Terminal.IsInteractive && context.Signal != PosixSignal.SIGHUP)
            Console.Write("\u001b[?25h");
        Environment.Exit(ExitCodes.Interrupted);
    }
}
