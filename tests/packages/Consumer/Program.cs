using System.Globalization;
using Consumer;
using CudaBn;

// Trains, saves, loads, and checks what comes out of it. Usage: Consumer [auto|cpu|cuda]
CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
var device = Device.Parse(args is [var name] ? name : "auto", out var reason);
Console.WriteLine($"device: {device.Description}; {reason}");

Checks.ConvolutionIsExact(device);
Console.WriteLine("convolution: exact on whole numbers");
Console.WriteLine($"gradients: within {Checks.GradientError(device):E1} of finite differences");

var data = DrawnGarments.Create(trainCount: 256, testCount: 64);
using var model = Networks.Small();
model.Initialize(device, seed: 1);
using var train = new DataLoader(data.Train, batchSize: 64, device, shuffle: true, seed: 1);
using var test = new DataLoader(data.Test, batchSize: 64, device);
using var loss = new SoftmaxCrossEntropy();
using var sgd = new Sgd(model.Parameters, learningRate: 0.1, momentum: 0.9);
using var trainer = new Trainer(model, loss, sgd);
var epochs = trainer.Fit(train, test, epochs: 3).ToArray();
Console.WriteLine($"training: loss {epochs[0].TrainLoss:F4}, then {epochs[^1].TrainLoss:F4}");
if (!(epochs[^1].TrainLoss < 0.9 * epochs[0].TrainLoss))
    throw new InvalidOperationException("Training does not lower the loss.");

Checks.WeightsAreKept(model, test, Networks.Small);
Console.WriteLine("weights: saved and loaded bit by bit");
Checks.CheckpointGoesOn(device, data.Train);
Console.WriteLine("checkpoints: the same bits from there on");
Console.WriteLine($"ONNX: exported and imported, outputs within {Checks.OnnxError(model, test):E1}");

if (device.Kind == DeviceKind.Cpu)
    Console.WriteLine($"speed: {Speed.MillisecondsPerStep(device):F1} ms per training step of the seed network");
