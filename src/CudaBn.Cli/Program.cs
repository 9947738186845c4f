using System.Diagnostics;
using CudaBn;
var device = Device.Best();
var data = FashionMnist.Load();
ulong seed = args.Length > 0 ? ulong.Parse(args[0]) : 1;
int epochs = args.Length > 1 ? int.Parse(args[1]) : 10;
using var model = SeedNetwork.Create();
model.Initialize(device, seed: seed);
using var loss = new SoftmaxCrossEntropy();
using var sgd = new Sgd(model.Parameters, 0.2);
using var train = new DataLoader(data.Train, 256, device, shuffle: true, seed: seed);
using var test = new DataLoader(data.Test, 256, device);
var trainer = new Trainer(model, loss, sgd);
foreach (var m in trainer.Fit(train, test, epochs))
    Console.WriteLine(m);
var sw = Stopwatch.StartNew(); trainer.Evaluate(test); Console.WriteLine($"eval {sw.Elapsed.TotalSeconds:F3}");
Console.WriteLine($"peak {Process.GetCurrentProcess().PeakWorkingSet64 >> 20} MB");
return 0;
