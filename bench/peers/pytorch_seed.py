#!/usr/bin/env python3
"""The seed network and its operators in PyTorch: what CudaBn is measured against on the same GPU.

The data set lives on the device as bytes, every epoch's order is drawn there, and nothing waits for the device inside an
epoch, as in CudaBn. Training runs eagerly, from a CUDA graph of the whole step, and compiled (max-autotune); each in
float32 with and without TF32, and with bfloat16 autocast. Operators are timed over replays of graphs of many launches,
hot and with the L2 cache flushed in between, on random normal data.
"""
import argparse
import contextlib
import csv
import json
import pathlib
import platform
import statistics
import time

import torch
import torch.nn.functional as F
from torch import nn

BATCH = 256
PRECISIONS = ("float32", "tf32", "bfloat16")


class SeedNetwork(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(1, 20, 5), nn.BatchNorm2d(20)
        self.conv2, self.bn2 = nn.Conv2d(20, 50, 3), nn.BatchNorm2d(50)
        self.fc1, self.fc2 = nn.Linear(1250, 128), nn.Linear(128, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 2)
        x = F.max_pool2d(F.relu(self.bn2(self.conv2(x))), 2)
        return self.fc2(F.relu(self.fc1(x.flatten(1))))


def set_precision(precision):
    """Chooses TF32 or strict float32, and returns the context that a step runs in."""
    torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
    torch.backends.cudnn.allow_tf32 = precision == "tf32"
    if precision == "bfloat16":
        # Without the cache of casted weights, which a captured step would keep using after the weights have changed.
        return lambda: torch.autocast("cuda", dtype=torch.bfloat16, cache_enabled=False)
    return contextlib.nullcontext


class Trainer:
    """Steps over a data set of random bytes, which costs the same as the real one."""

    def __init__(self, device, images, mode, precision):
        self.context = set_precision(precision)
        self.mode = mode
        torch.manual_seed(1)
        self.images = torch.randint(0, 256, (images, 1, 28, 28), dtype=torch.uint8, device=device)
        self.labels = torch.randint(0, 10, (images,), device=device)
        self.model = SeedNetwork().to(device)
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.2, foreach=True)
        self.rows = torch.zeros(BATCH, dtype=torch.long, device=device)
        self.totals = torch.zeros(2, dtype=torch.float64, device=device)
        compiled = torch.compile(self.forward, mode="max-autotune") if mode == "compile" else self.forward
        self.step_once = lambda: self.train(compiled)
        self.graph = self.capture() if mode == "graph" else None

    def forward(self, images, labels):
        with self.context():
            logits = self.model(images)
            return F.cross_entropy(logits.float(), labels), logits

    def train(self, forward):
        images = self.images.index_select(0, self.rows).float().div_(255)
        labels = self.labels.index_select(0, self.rows)
        self.optimizer.zero_grad(set_to_none=False)
        loss, logits = forward(images, labels)
        loss.backward()
        self.optimizer.step()
        with torch.no_grad():
            self.totals[0] += loss.detach().double() * BATCH
            self.totals[1] += (logits.argmax(1) == labels).sum()

    def capture(self):
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                self.step_once()
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self.step_once()
        return graph

    def epoch(self):
        order = torch.randperm(len(self.labels), device=self.labels.device)
        for first in range(0, len(order) - BATCH + 1, BATCH):
            self.rows.copy_(order[first:first + BATCH])
            if self.graph is None:
                self.step_once()
            else:
                self.graph.replay()
        return self.totals.tolist()


def wait(device):
    if device == "cuda":
        torch.cuda.synchronize()


def time_training(device, images, epochs, mode, precision):
    trainer = Trainer(device, images, mode, precision)
    trainer.epoch()
    wait(device)
    start = time.perf_counter()
    for _ in range(epochs):
        trainer.epoch()
    wait(device)
    seconds = time.perf_counter() - start
    steps = epochs * (images // BATCH)
    return {"mode": mode, "precision": precision, "epochs": epochs, "seconds": seconds,
            "microseconds_per_step": 1e6 * seconds / steps}


def operators(device):
    """(name, bytes that must at least move, a function that runs it once) of the seed network's operators."""
    normal = lambda *shape: torch.randn(*shape, device=device)
    cases = []

    def layer(name, module, shape):
        module = module.to(device)
        x = normal(*shape).requires_grad_()
        gradient = torch.randn_like(module(x))
        inputs = [x, *module.parameters()]
        size = 4 * (x.numel() + gradient.numel())
        cases.append((f"{name} forward", size, lambda: module(x)))
        # With its forward pass: backward kernels run on the stream of theirs, which must be the one captured.
        cases.append((f"{name} forward and backward", 3 * size,
                      lambda: torch.autograd.grad(module(x), inputs, gradient)))

    layer("conv1", nn.Conv2d(1, 20, 5), (BATCH, 1, 28, 28))
    layer("conv2", nn.Conv2d(20, 50, 3), (BATCH, 20, 12, 12))
    layer("bn1", nn.BatchNorm2d(20), (BATCH, 20, 24, 24))
    layer("bn2", nn.BatchNorm2d(50), (BATCH, 50, 10, 10))
    layer("relu", nn.ReLU(), (BATCH, 20, 24, 24))
    layer("max pool", nn.MaxPool2d(2), (BATCH, 20, 24, 24))
    layer("linear", nn.Linear(1250, 128), (BATCH, 1250))
    layer("bn [20,6,65536]", nn.BatchNorm1d(6), (20, 6, 65536))
    layer("bn [2000000,1,3]", nn.BatchNorm1d(1), (2_000_000, 1, 3))
    layer("bn [8,64,32,32]", nn.BatchNorm2d(64), (8, 64, 32, 32))
    layer("bn [32,64,112,112]", nn.BatchNorm2d(64), (32, 64, 112, 112))
    layer("bn [256,64,112,112]", nn.BatchNorm2d(64), (256, 64, 112, 112))
    layer("bn [32,2048,7,7]", nn.BatchNorm2d(2048), (32, 2048, 7, 7))
    layer("conv [32,64,56,56] k3", nn.Conv2d(64, 64, 3, padding=1, bias=False), (32, 64, 56, 56))
    layer("conv [256,64,56,56] k3", nn.Conv2d(64, 64, 3, padding=1, bias=False), (256, 64, 56, 56))
    layer("conv [32,64,56,56] k1", nn.Conv2d(64, 256, 1, bias=False), (32, 64, 56, 56))
    layer("conv [32,128,56,56] k3 s2", nn.Conv2d(128, 128, 3, 2, 1, bias=False), (32, 128, 56, 56))
    layer("conv [32,256,14,14] k3", nn.Conv2d(256, 256, 3, padding=1, bias=False), (32, 256, 14, 14))
    layer("conv [32,512,7,7] k3", nn.Conv2d(512, 512, 3, padding=1, bias=False), (32, 512, 7, 7))
    layer("conv [8,32,112,112] depthwise", nn.Conv2d(32, 32, 3, padding=1, groups=32, bias=False), (8, 32, 112, 112))
    layer("linear 2048 -> 1000", nn.Linear(2048, 1000), (BATCH, 2048))
    logits, labels = normal(BATCH, 10).requires_grad_(), torch.randint(0, 10, (BATCH,), device=device)
    cases.append(("softmax cross-entropy", 8 * logits.numel(),
                  lambda: torch.autograd.grad(F.cross_entropy(logits, labels), logits)))
    model = SeedNetwork().to(device)
    for parameter in model.parameters():
        parameter.grad = torch.randn_like(parameter)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-6, foreach=True)
    count = sum(parameter.numel() for parameter in model.parameters())
    cases.append(("sgd", 12 * count, optimizer.step))
    return cases


def time_operator(device, run, launches, flush):
    """Median microseconds of one launch: hot from a graph of up to so many, cold with a flush before each."""
    if device == "cpu":
        run()
        start = time.perf_counter()
        for _ in range(launches):
            run()
        return 1e6 * (time.perf_counter() - start) / launches, None
    side = torch.cuda.Stream()
    with torch.cuda.stream(side):
        for _ in range(3):
            run()
        side.synchronize()
        start = time.perf_counter()
        run()
        side.synchronize()
    # Some tens of milliseconds for one replay are enough.
    launches = max(3, min(launches, int(0.03 / (time.perf_counter() - start))))

    def replayed(count, body):
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            for _ in range(count):
                body()
        samples = []
        for _ in range(12):
            begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
            begin.record()
            graph.replay()
            end.record()
            end.synchronize()
            samples.append(1e3 * begin.elapsed_time(end) / count)
        return statistics.median(samples[2:])

    hot = replayed(launches, run)
    flushed = replayed(launches, lambda: (flush.zero_(), run()))
    return hot, flushed - replayed(launches, flush.zero_)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"))
    parser.add_argument("--quick", action="store_true", help="few images, one mode: a smoke test")
    parser.add_argument("--modes", help="of eager, graph and compile, some, with commas [default: all on a GPU]")
    parser.add_argument("--precisions", help=f"of {', '.join(PRECISIONS)}, some, with commas [default: all on a GPU]")
    parser.add_argument("--no-operators", action="store_true", help="training alone")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("pytorch-results"))
    options = parser.parse_args()
    device = options.device
    images, epochs = (1024, 1) if options.quick else (60000, 10)
    modes = ("eager",) if options.quick or device == "cpu" else ("eager", "graph", "compile")
    precisions = PRECISIONS[:1] if options.quick or device == "cpu" else PRECISIONS

    modes = options.modes.split(",") if options.modes else modes
    precisions = options.precisions.split(",") if options.precisions else precisions

    training = []
    for mode in modes:
        for precision in precisions:
            try:
                training.append(time_training(device, images, epochs, mode, precision))
            except RuntimeError as error:  # One way of running that fails must not hide the others.
                training.append({"mode": mode, "precision": precision, "error": str(error).splitlines()[0]})
            print(training[-1], flush=True)

    set_precision("float32")
    rows = []
    flush = torch.empty(256 << 20, dtype=torch.uint8, device=device) if device == "cuda" else None
    for name, size, run in [] if options.no_operators else operators(device):
        hot, cold = time_operator(device, run, 2 if options.quick else 100, flush)
        rows.append({"operator": name, "microseconds_hot": hot, "microseconds_cold": cold,
                     "gigabytes_per_second_hot": size / hot / 1e3})
        print(f"{name:32} {hot:10.2f} us hot", "" if cold is None else f"{cold:10.2f} us cold", flush=True)

    options.out.mkdir(parents=True, exist_ok=True)
    versions = {"torch": torch.__version__, "cuda": torch.version.cuda, "cudnn": torch.backends.cudnn.version(),
                "device": torch.cuda.get_device_name() if device == "cuda" else platform.processor(),
                "python": platform.python_version(), "batch": BATCH}
    (options.out / "pytorch_seed.json").write_text(
        json.dumps({"versions": versions, "training": training, "operators": rows}, indent=2) + "\n")
    if not rows:
        return
    with open(options.out / "operators.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
