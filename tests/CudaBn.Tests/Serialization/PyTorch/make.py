"""Makes the .safetensors files beside it with PyTorch and safetensors.torch: weights of a small network as PyTorch's users save
them, and what PyTorch computes with them. PyTorchWeightsTests knows what is in them by their names. Run once,
with PyTorch 1.13 and safetensors 0.3.3: python3 make.py

Expected numbers are computed in double precision out of the single-precision weights. Beside each, under its name with
".rounding" behind, lies how far PyTorch itself is off in single precision: the norm of the difference."""
import copy
from collections import OrderedDict

import torch
from safetensors.torch import save_file
from torch import nn

torch.manual_seed(7)
torch.set_num_threads(1)

CLASSES = 5


def network():
    return nn.Sequential(OrderedDict(
        conv1=nn.Conv2d(1, 4, 5), bn1=nn.BatchNorm2d(4), relu1=nn.ReLU(), pool1=nn.MaxPool2d(2),
        conv2=nn.Conv2d(4, 6, 3), bn2=nn.BatchNorm2d(6), relu2=nn.ReLU(), pool2=nn.MaxPool2d(2),
        flatten=nn.Flatten(), fc1=nn.Linear(24, 12), relu3=nn.ReLU(), fc2=nn.Linear(12, CLASSES)))


def train(model, optimizer, images, labels, steps):
    model.train()
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())
    return torch.stack(losses)


def stepped(model, dtype, create, images, labels, steps):
    model = copy.deepcopy(model).to(dtype)
    losses = train(model, create(model.parameters()), images.to(dtype), labels, steps)
    return {"losses": losses, **model.state_dict()}


def expect(results, prefix, compute):
    exact, single = compute(torch.float64), compute(torch.float32)
    for name, value in exact.items():
        results[prefix + name] = value.detach().clone()
        if value.is_floating_point():
            results[f"{prefix}{name}.rounding"] = (single[name].double() - value).norm().detach()


def batch_norm(results, name, layer, shape):
    with torch.no_grad():
        if layer.affine:
            layer.weight.normal_()
            layer.bias.normal_()
    batches = [3 + 2 * torch.randn(shape) for _ in range(3)]
    grad = torch.randn(shape)
    for i, batch in enumerate(batches):
        results[f"{name}/input{i}"] = batch
    results[f"{name}/grad"] = grad
    if layer.affine:
        results[f"{name}/weight"] = layer.weight.detach().clone()
        results[f"{name}/bias"] = layer.bias.detach().clone()

    def compute(dtype):
        norm = copy.deepcopy(layer).to(dtype)
        for batch in batches:
            norm.zero_grad()
            x = batch.to(dtype).requires_grad_()
            y = norm(x)
            y.backward(grad.to(dtype))
        state = {f"after/{key}": value for key, value in norm.state_dict().items()}
        grads = {f"grad/{key}": parameter.grad for key, parameter in norm.named_parameters()}
        norm.eval()
        return {"output": y, "grad_input": x.grad, "evaluation": norm(x), **grads, **state}

    expect(results, f"{name}/", compute)


# A few steps, so that the running statistics are those of training, and gammas and betas of their own.
model = network()
with torch.no_grad():
    for norm in (model.bn1, model.bn2):
        norm.weight.uniform_(0.5, 1.5)
        norm.bias.normal_(std=0.3)
images, labels = torch.rand(8, 1, 18, 18), torch.arange(8) % CLASSES
train(model, torch.optim.SGD(model.parameters(), lr=0.05), torch.rand(16, 1, 18, 18), torch.arange(16) % CLASSES, steps=3)
model.eval()

files = {}
for name, dtype in dict(float32=torch.float32, float64=torch.float64, float16=torch.float16, bfloat16=torch.bfloat16).items():
    files[name] = copy.deepcopy(model).to(dtype)
    save_file(files[name].state_dict(), f"{name}.safetensors", metadata={"format": "pt"})

results = {"images": images, "labels": labels}
for name, saved in files.items():
    # The element types that a model can compute in hold the numbers of half types exactly.
    expect(results, f"{name}/", lambda dtype: {"logits": copy.deepcopy(saved).to(dtype)(images.to(dtype))})

# Adam's epsilon is large: of a bias in front of batch normalization the gradient is rounding alone, which Adam would make steps
# of.
optimizers = {
    "sgd": (1, lambda p: torch.optim.SGD(p, lr=0.2)),
    "momentum": (2, lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, dampening=0.25, weight_decay=0.01)),
    "nesterov": (2, lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.8, nesterov=True)),
    "adam": (2, lambda p: torch.optim.Adam(p, lr=0.01, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.01)),
    "adamw": (2, lambda p: torch.optim.AdamW(p, lr=0.01, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.1)),
}
for name, (steps, create) in optimizers.items():
    expect(results, f"{name}/", lambda dtype: stepped(model, dtype, create, images, labels, steps))
save_file(results, "results.safetensors")

norms = {}
batch_norm(norms, "vectors", nn.BatchNorm1d(3), (5, 3))
batch_norm(norms, "signals", nn.BatchNorm1d(2, eps=1e-3, momentum=0.3), (3, 2, 4))
batch_norm(norms, "images", nn.BatchNorm2d(3, momentum=None), (2, 3, 3, 2))
batch_norm(norms, "volumes", nn.BatchNorm3d(2, affine=False), (2, 2, 2, 3, 2))
save_file(norms, "batch_norm.safetensors")
