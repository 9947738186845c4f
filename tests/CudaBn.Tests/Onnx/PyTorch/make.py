"""Makes the .onnx files beside it with torch.onnx.export: networks and layers as PyTorch's users export them. PyTorchOnnxTests
knows what is in them by their names. outputs.safetensors holds what PyTorch makes of images_of, by the names of the files. Run
once, with PyTorch 1.13 and safetensors 0.3.3: python3 make.py"""
import math
import warnings
from collections import OrderedDict

import torch
from safetensors.torch import save_file
from torch import nn
from torch.onnx import TrainingMode

warnings.filterwarnings("ignore")
torch.manual_seed(3)
torch.set_num_threads(1)

outputs = {}


def images_of(shape):
    """Numbers that any language makes alike: from -1.5625 to 1.5625, exact in single precision."""
    count = math.prod(shape)
    return ((torch.arange(count) * 37 % 101 - 50) / 32).reshape(shape)


def settle(model):
    """Gives batch norms statistics as training leaves them."""
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            with torch.no_grad():
                module.running_mean.normal_(std=0.5)
                module.running_var.uniform_(0.3, 2)
                if module.affine:
                    module.weight.normal_()
                    module.bias.normal_()
    return model.eval()


def export(name, model, shape, opset, folded=True, **options):
    """Writes a file. Folded is PyTorch's default: constants are computed, and batch norms put into convolutions."""
    if not folded:
        options |= dict(training=TrainingMode.PRESERVE, do_constant_folding=False)
    images = images_of(shape)
    with torch.no_grad():
        outputs[name] = settle(model)(images)
    torch.onnx.export(
        model, images, f"{name}.onnx", opset_version=opset, input_names=["input"],
        output_names=["output"], dynamic_axes=dict(input={0: "batch"}, output={0: "batch"}), **options)


def seed_network():
    return nn.Sequential(OrderedDict(
        conv1=nn.Conv2d(1, 4, 5), bn1=nn.BatchNorm2d(4), relu1=nn.ReLU(), pool1=nn.MaxPool2d(2),
        conv2=nn.Conv2d(4, 6, 3), bn2=nn.BatchNorm2d(6), relu2=nn.ReLU(), pool2=nn.MaxPool2d(2),
        flatten=nn.Flatten(), fc1=nn.Linear(24, 12), relu3=nn.ReLU(), fc2=nn.Linear(12, 5)))


class BasicBlock(nn.Module):
    def __init__(self, in_channels, channels, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.downsample = None
        if stride != 1 or in_channels != channels:
            self.downsample = nn.Sequential(
                nn.Conv2d(in_channels, channels, 1, stride, bias=False), nn.BatchNorm2d(channels))

    def forward(self, x):
        shortcut = x if self.downsample is None else self.downsample(x)
        x = self.relu(self.bn1(self.conv1(x)))
        return self.relu(self.bn2(self.conv2(x)) + shortcut)


class ResNet(nn.Module):
    def __init__(self, flatten):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 2, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(2)
        self.layer1 = nn.Sequential(BasicBlock(2, 2, 1))
        self.layer2 = nn.Sequential(BasicBlock(2, 4, 2), BasicBlock(4, 4, 1))
        self.fc = nn.Linear(4, 3)
        self.flatten = flatten

    def forward(self, x):
        x = torch.relu(self.bn1(self.conv1(x)))
        x = self.layer2(self.layer1(x))
        return self.fc(self.flatten(x))


FLATTENS = dict(
    flatten=lambda x: torch.flatten(nn.functional.adaptive_avg_pool2d(x, 1), 1),
    view=lambda x: nn.functional.adaptive_avg_pool2d(x, 1).view(x.size(0), -1),
    reshape=lambda x: nn.functional.avg_pool2d(x, (4, 5)).reshape(x.shape[0], 4),
    squeeze=lambda x: nn.functional.adaptive_avg_pool2d(x, 1).squeeze(-1).squeeze(-1),
    mean=lambda x: x.mean((2, 3)))


class Normalized(nn.Module):
    """Images / 255 that are normalized in front of a network, by buffers."""

    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.tensor([0.4, 0.5, 0.6]).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor([0.2, 0.25, 0.3]).view(1, 3, 1, 1))
        self.conv = nn.Conv2d(3, 2, 3)

    def forward(self, x):
        return self.conv((x - self.mean) / self.std)


class Functional(nn.Module):
    """Dense layers by matrices, and activations written out."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(6, 5))
        self.bias = nn.Parameter(torch.randn(5))

    def forward(self, x):
        x = torch.matmul(x, self.weight) + self.bias
        return x * torch.sigmoid(x)


for opset in range(9, 17):
    export(f"seed_{opset}", seed_network(), (2, 1, 18, 18), opset, folded=opset % 2 == 0)
export("seed_inputs_9", seed_network(), (2, 1, 18, 18), 9, keep_initializers_as_inputs=True)

for (name, flatten), opset in zip(FLATTENS.items(), (9, 11, 12, 14, 16)):
    export(f"resnet_{name}_{opset}", ResNet(flatten), (2, 3, 7, 9), opset, folded=opset % 2 == 1)

export("conv2d_11", nn.Sequential(
    nn.Conv2d(4, 6, (3, 2), stride=(2, 1), padding=(1, 0), groups=2), nn.Conv2d(6, 12, 3, groups=6, padding=2, dilation=2, bias=False),
    nn.Conv2d(12, 3, (1, 4)), nn.LeakyReLU(0.2)), (2, 4, 7, 8), 11)
export("conv1d_13", nn.Sequential(
    nn.Conv1d(3, 4, 3, stride=2, padding=1), nn.BatchNorm1d(4, eps=1e-3), nn.Conv1d(4, 4, 2, groups=4, dilation=3), nn.SiLU()),
    (2, 3, 13), 13, folded=False)
export("conv3d_16", nn.Sequential(
    nn.Conv3d(2, 4, (1, 2, 3), stride=(1, 2, 1), padding=(0, 1, 1)), nn.BatchNorm3d(4), nn.Conv3d(4, 2, 2, groups=2), nn.Tanh()),
    (1, 2, 3, 4, 5), 16, folded=False)
export("padded_12", nn.Sequential(nn.ZeroPad2d((1, 2, 0, 3)), nn.Conv2d(2, 3, 3, padding=1)), (1, 2, 5, 6), 12)
export("normalized_13", Normalized(), (2, 3, 5, 6), 13)
export("functional_10", Functional(), (3, 6), 10)
export("vectors_15", nn.Sequential(
    nn.Linear(6, 5, bias=False), nn.BatchNorm1d(5, affine=False), nn.Sigmoid(), nn.Dropout(0.3), nn.Linear(5, 4), nn.GELU()),
    (3, 6), 15, folded=False)
export("gelu_tanh_14", nn.Sequential(nn.Linear(6, 5), nn.GELU(approximate="tanh")), (3, 6), 14)

POOLS = {1: (nn.MaxPool1d, nn.AvgPool1d), 2: (nn.MaxPool2d, nn.AvgPool2d), 3: (nn.MaxPool3d, nn.AvgPool3d)}
SHAPES = {1: (2, 2, 10), 2: (2, 2, 7, 10), 3: (1, 2, 4, 7, 6)}
for axes, (max_pool, avg_pool) in POOLS.items():
    for opset in (10, 16):
        export(f"max{axes}d_{opset}", max_pool(3, stride=2, padding=1), SHAPES[axes], opset)
        export(f"max{axes}d_ceil_{opset}", max_pool(3, stride=2, ceil_mode=True), SHAPES[axes], opset)
        for counted in (False, True):
            suffix = "counted" if counted else "uncounted"
            export(f"avg{axes}d_{suffix}_{opset}", avg_pool(3, stride=2, padding=1, count_include_pad=counted), SHAPES[axes], opset)
            export(
                f"avg{axes}d_ceil_{suffix}_{opset}",
                avg_pool(3, stride=2, padding=1, ceil_mode=True, count_include_pad=counted), SHAPES[axes], opset)
export("adaptive_11", nn.AdaptiveAvgPool2d((2, 4)), (2, 2, 6, 8), 11)

# What no layer does.
export("unsupported_12", nn.Sequential(OrderedDict(
    conv=nn.Conv2d(1, 2, 3), act=nn.Hardtanh(), up=nn.ConvTranspose2d(2, 1, 2), relu6=nn.ReLU6(), softmax=nn.Softmax(dim=1))),
    (1, 1, 5, 5), 12)

save_file(outputs, "outputs.safetensors")
