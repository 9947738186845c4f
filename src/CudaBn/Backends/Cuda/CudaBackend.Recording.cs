using CudaBn.Backends.Cuda.Native;

namespace CudaBn.Backends.Cuda;

public sealed unsafe partial class CudaBackend
{
    private CudaRecording? _recording;

    /// <inheritdoc/>
    internal override bool CanRecord => _stream.CanCapture;

    /// <inheritdoc/>
    internal override Recording Record(Action work)
    {
        using var scope = Enter();
        RequireNotRecording("record");
        if (!CanRecord)
            return base.Record(work);
        // Both are cleared when they are made, which must not become part of the recording.
        Counters(0);
        RefusedLabelOnDevice();
        var recording = new CudaRecording(this);
        Driver.cuStreamBeginCapture_v2(_stream.Handle, Driver.RelaxedCapture).ThrowIfFailed();
        _recording = recording;
        GraphHandle graph;
        try
        {
            work();
        }
        catch
        {
            // The capture is over, whatever it came to; the exception says why.
            if (Driver.cuStreamEndCapture(_stream.Handle, &graph) == CudaResult.Success)
                _ = Driver.cuGraphDestroy(graph);
            throw;
        }
        finally
        {
            _recording = null;
        }

        Driver.cuStreamEndCapture(_stream.Handle, &graph).ThrowIfFailed();
        using (var captured = new CudaGraph(_context, graph))
            recording.Instance = new CudaGraphExec(captured);
        return recording;
    }

    internal void Replay(CudaGraphExec instance)
    {
        using var scope = Enter();
        RequireNotRecording("replay");
        Driver.cuGraphLaunch(instance.Handle, _stream.Handle).ThrowIfFailed();
    }

    /// <summary>The address of a tensor that a kernel is given inside a structure.</summary>
    private nint AddressOf(Tensor tensor)
    {
        _recording?.Uses(tensor);
        return tensor.Address;
    }

    private void RequireNotRecording(string what)
    {
        if (_recording is not null)
            throw new InvalidOperationException($"{Device} cannot {what} while it records.");
    }
}
