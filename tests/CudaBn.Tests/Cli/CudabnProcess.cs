using System.Diagnostics;
using System.Text;
using NUnit.Framework;

namespace CudaBn.Tests.Cli;

/// <summary>The command as a process of its own, on a machine without data, network or GPU. It never outlives its
/// test.</summary>
internal sealed class CudabnProcess : IDisposable
{
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(60);

    private readonly Process _process;
    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private readonly StringBuilder _output = new();
    private readonly StringBuilder _error = new();

    private CudabnProcess(ProcessStartInfo start)
    {
        _process = new Process { StartInfo = start };
        _process.OutputDataReceived += (_, line) => Add(_output, line.Data);
        _process.ErrorDataReceived += (_, line) => Add(_error, line.Data);
        _process.Start();
        _process.BeginOutputReadLine();
        _process.BeginErrorReadLine();
    }

    /// <summary>When the first line of output came, counted from the start of the process.</summary>
    public TimeSpan? FirstLineAfter { get; private set; }

    public int Id => _process.Id;

    public bool HasExited => _process.HasExited;

    public int ExitCode => _process.ExitCode;

    public string Output => Read(_output);

    public string Error => Read(_error);

    public string[] Lines => Output.Split('\n', StringSplitOptions.RemoveEmptyEntries);

    /// <summary>Runs the command to its end.</summary>
    /// <param name="home">An empty folder: home, cache and working directory of the command.</param>
    /// <param name="arguments">What would be typed after its name.</param>
    public static CudabnProcess Run(string home, params string[] arguments) => Start(home, arguments).Wait();

    public static CudabnProcess Start(string home, params string[] arguments) =>
        new(Prepare(home, "dotnet", ["exec", CommandPath, .. arguments]));

    /// <summary>Starts the command after a line of shell in its working directory, in which <c>$HOME</c> is
    /// <paramref name="home"/> too, with file systems of its own that it may mount. Its temporary files go to
    /// HOME/temporary.</summary>
    public static CudabnProcess StartWithMounts(string home, string prelude, params string[] arguments)
    {
        Directory.CreateDirectory(Path.Combine(home, "temporary"));
        var start = Prepare(
            home, "unshare",
            [
                "--mount", "--map-root-user", "sh", "-ec", $"{prelude}; exec dotnet exec \"$@\"", "sh", CommandPath, .. arguments,
            ]);
        start.Environment["TMPDIR"] = Path.Combine(home, "temporary");
        return new CudabnProcess(start);
    }

    /// <summary>Runs the command to its end with some variables of the environment set, or removed where null.</summary>
    public static CudabnProcess RunWith(
        string home, IReadOnlyDictionary<string, string?> environment, params string[] arguments) =>
        StartWith(home, environment, arguments).Wait();

    public static CudabnProcess StartWith(
        string home, IReadOnlyDictionary<string, string?> environment, params string[] arguments)
    {
        var start = Prepare(home, "dotnet", ["exec", CommandPath, .. arguments]);
        foreach (var (name, value) in environment)
            start.Environment[name] = value;
        return new CudabnProcess(start);
    }

    /// <summary>Runs the command to its end in a terminal, which is what script(1) makes.</summary>
    public static CudabnProcess RunInTerminal(string home, bool noColor, params string[] arguments) =>
        StartInTerminal(home, noColor, arguments).Wait();

    /// <summary>Starts the command in a terminal, whose process this is: when it is killed, the command is told that its terminal
    /// is gone.</summary>
    public static CudabnProcess StartInTerminal(string home, bool noColor, params string[] arguments)
    {
        var start = Prepare(
            home, "script", ["-qec", $"dotnet exec '{CommandPath}' {string.Join(' ', arguments)}", "/dev/null"]);
        start.Environment["TERM"] = "xterm-256color";
        if (noColor)
            start.Environment["NO_COLOR"] = "1";
        return new CudabnProcess(start);
    }

    /// <summary>Waits until a line of output starts so.</summary>
    public void WaitForLine(string start) => WaitFor(
        () => Lines.Any(line => line.StartsWith(start, StringComparison.Ordinal)), $"line '{start}'");

    /// <summary>Waits until the error output contains a text.</summary>
    public void WaitForError(string text) => WaitFor(
        () => Error.Contains(text, StringComparison.Ordinal), $"error '{text}'");

    /// <summary>Waits until something holds, or the process ends.</summary>
    /// <returns>Whether it holds.</returns>
    public bool WaitUntil(Func<bool> holds)
    {
        while (!holds())
        {
            if (_process.HasExited)
                return holds();
            if (_clock.Elapsed > _patience)
                Assert.Fail($"the command is still at work; it wrote: {Output}{Error}");
            Thread.Sleep(1);
        }

        return true;
    }

    public CudabnProcess Wait()
    {
        if (!_process.WaitForExit(_patience))
            Assert.Fail($"the command does not end; it wrote: {Output}{Error}");
        // Without a timeout, this also waits for the last lines.
        _process.WaitForExit();
        return this;
    }

    public void Signal(string name)
    {
        // As long as the process is env(1), the signal may be ignored still, and lost.
        while (IgnoresSignals && IsEnv())
            Thread.Sleep(1);
        using var kill = Process.Start("kill", [$"-{name}", $"{_process.Id}"]);
        kill.WaitForExit();
    }

    /// <summary>Ends the process by SIGKILL, which it cannot notice.</summary>
    /// <returns>Whether it was still running.</returns>
    public bool Kill()
    {
        var wasRunning = !_process.HasExited;
        _process.Kill();
        _process.WaitForExit();
        return wasRunning && _process.ExitCode == 128 + 9;
    }

    public void Dispose()
    {
        if (!_process.HasExited)
            _process.Kill(entireProcessTree: true);
        _process.Dispose();
    }

    private void WaitFor(Func<bool> isThere, string what)
    {
        while (!isThere())
        {
            if (_process.HasExited || _clock.Elapsed > _patience)
                Assert.Fail($"no {what} in: {Output}{Error}");
            Thread.Sleep(10);
        }
    }

    private bool IsEnv()
    {
        try
        {
            return !_process.HasExited
                && File.ReadAllText($"/proc/{_process.Id}/cmdline").StartsWith("env\0", StringComparison.Ordinal);
        }
        catch (IOException)
        {
            // It has ended meanwhile.
            return false;
        }
    }

    private static string CommandPath => Path.Combine(AppContext.BaseDirectory, "CudaBn.Cli.dll");

    // Tests that nohup(1) or a script started ignore SIGHUP or SIGINT, and so would the command.
    private static bool IgnoresSignals { get; } = OperatingSystem.IsLinux()
        && (Convert.ToUInt64(
            File.ReadLines("/proc/self/status").Single(line => line.StartsWith("SigIgn:", StringComparison.Ordinal))[7..].Trim(), 16)
            & (Mask(1) | Mask(2) | Mask(15))) != 0;

    private static ulong Mask(int signal) => 1UL << (signal - 1);

    private static ProcessStartInfo Prepare(string home, string program, string[] arguments)
    {
        if (IgnoresSignals)
            (program, arguments) = ("env", ["--default-signal=HUP,INT,TERM", program, .. arguments]);
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardOutputEncoding = Encoding.UTF8,
            WorkingDirectory = home,
        };
        start.Environment["HOME"] = home;
        start.Environment["XDG_CACHE_HOME"] = home;
        start.Environment["LOCALAPPDATA"] = home;
        start.Environment["CUDABN_OFFLINE"] = "1";
        start.Environment["CUDABN_SYSTEM_DATA"] = Path.Combine(home, "nowhere");
        start.Environment.Remove("CUDABN_DATA");
        start.Environment.Remove("NO_COLOR");
        start.Environment.Remove("CUDABN_CUDA_PATH");
        start.Environment.Remove("CUDABN_CACHE");
        // The driver's own way of hiding all GPUs.
        start.Environment["CUDA_VISIBLE_DEVICES"] = "-1";
        return start;
    }

    private void Add(StringBuilder to, string? line)
    {
        if (line is null)
            return;
        lock (to)
        {
            if (to == _output)
                FirstLineAfter ??= _clock.Elapsed;
            to.Append(line).Append('\n');
        }
    }

    private static string Read(StringBuilder text)
    {
        lock (text)
            return text.ToString();
    }
}
