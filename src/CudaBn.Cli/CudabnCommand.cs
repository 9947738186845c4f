using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace CudaBn.Cli;

/// <summary>The command itself: its subcommands, its help, and what becomes of errors.</summary>
internal static class CudabnCommand
{
    public static int Run(string[] args)
    {
        var result = Create().Parse(args);
        if (result.Action is ParseErrorAction)
            return Fail(ExitCodes.Usage, $"{Fault(result)} See 'cudabn --help'.");

        try
        {
            return result.Invoke(new InvocationConfiguration
            {
                EnableDefaultExceptionHandler = false,
                ProcessTerminationTimeout = null,
            });
        }
        catch (OperationCanceledException)
        {
            return ExitCodes.Interrupted;
        }
        catch (UsageException fault)
        {
            return Fail(ExitCodes.Usage, fault.Message);
        }
        catch (ArgumentException fault)
        {
            return Fail(ExitCodes.Failed, fault.Message.Replace($" (Parameter '{fault.ParamName}')", null));
        }
        catch (Exception fault)
        {
            // The last stop of every error: whatever it is, a user gets its message and no stack trace.
            return Fail(ExitCodes.Failed, fault.Message);
        }
    }

    // A word that is not known explains more than what is then missing.
    private static string Fault(ParseResult result) => result.UnmatchedTokens is [var stray, ..]
        ? $"'{stray}' is no command, option or value that fits here."
        : result.Errors[0].Message;

    private static int Fail(int exitCode, string message)
    {
        Terminal.WriteError(message);
        return exitCode;
    }

    public static RootCommand Create()
    {
        var root = new RootCommand(
            "Trains, evaluates and measures small convolutional networks, on an NVIDIA GPU or on the processor.")
        {
            TrainCommand.Create(),
            EvalCommand.Create(),
            PredictCommand.Create(),
            InspectCommand.Create(),
            ConvertCommand.Create(),
            ExportCommand.Create(),
            DoctorCommand.Create(),
        };
        root.HelpName = "cudabn";
        var help = root.Options.OfType<HelpOption>().Single();
        help.Action = new HelpWithExamples((HelpAction)help.Action!, root);
        return root;
    }
}
