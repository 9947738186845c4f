using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace CudaBn.Cli;

/// <summary>The usual help; that of the root command ends with examples, data and exit codes.</summary>
internal sealed class HelpWithExamples(HelpAction usual, RootCommand root) : SynchronousCommandLineAction
{
    public const string Closing =
        """
        Examples:
          cudabn train                                 ten epochs on Fashion-MNIST; about a minute on two cores
          cudabn train --epochs 2 --init default       a first look, in seconds
          cudabn train --seed 2 --out runs/second      another start, into a folder of your choice
          cudabn train --resume runs/second            go on with a run that ended early, as if it had not
          cudabn train --notebook-bug                  also what one broken line of batch normalization costs
          cudabn train --model resnet20 --epochs 2     a residual network in place of the notebook's
          cudabn train --data-set cifar10 --model resnet20
                                                       CIFAR-10 in place of Fashion-MNIST
          cudabn train --data-set folder --data F --image-size 64 --model resnet20
                                                       PNG and JPEG files in F/train/CLASS and F/test/CLASS
          cudabn eval runs/second                      loss and accuracy of saved weights, class by class
          cudabn predict boot.png shoe.jpg             what the newest run takes images for
          cudabn predict --weights runs/second *.png --top 5 --invert
                                                       of a run of your choice; black on white becomes white on black
          cudabn predict t10k-images-idx3-ubyte.gz --json
                                                       every image of an IDX file, for other programs
          cudabn inspect runs/second                   what is in weights or a checkpoint; --plot FILE.png draws it
          cudabn convert model.safetensors model.npz   the same weights for NumPy; and the other way
          cudabn export runs/second model.onnx         the same network for ONNX Runtime and others
          cudabn doctor                                what this machine has, and what was looked for where

        Data:
          Fashion-MNIST is looked for in --data, else in CUDABN_DATA, else in the user's cache folder and in
          /usr/share/datasets/fashion-mnist (Debian: apt install dataset-fashion-mnist), else downloaded into the
          cache, unless CUDABN_OFFLINE is set. Where it cannot be had, ten kinds of garments drawn by code stand in;
          every output then says so.
          CIFAR-10 is its binary version, cifar-10-binary.tar.gz of https://www.cs.toronto.edu/~kriz/cifar.html extracted
          to a folder that --data or CUDABN_DATA names, or to cifar-10 in the cache or in /usr/share/datasets.
          Of a folder, hidden files are passed over, links are followed, and classes are labelled in the order of their
          names. resnet20 and resnet18 take any images; notebook takes 28x28 grey ones of ten classes, such as those of
          --data-set folder --image-size 28 --color grey.

        Exit codes:
          0 done, 1 failed, 2 wrong usage, 3 training came to NaN or infinity, 130 interrupted (what there was is written)

        """;

    public override int Invoke(ParseResult parseResult)
    {
        var exitCode = usual.Invoke(parseResult);
        if (parseResult.CommandResult.Command == root)
            parseResult.InvocationConfiguration.Output.WriteLine(Closing);
        return exitCode;
    }
}
