#!/usr/bin/env python3
"""The network `small` and its recipe in PyTorch, for comparing their speed with ours.

    target/bench-train/venv/bin/python bench/train/twin.py [--epochs N] [--device cpu|cuda|mps] [--threads N] [--compile]

Trains on an IDX folder with MNIST's file names and prints JSON lines: `ready`, `first_step`, one
`epoch` for each, `finished`. It mirrors model/src/network.rs, train/src/{config,source,
replica,trainer,run}.rs and augment/, as of training with --synthetic 0 --negatives 0, on the data alone.
Distillation (--teacher), which is off by default there, is left out.

Time is measured as ours is. An epoch's speed counts its steps, from picking the batch to the
optimiser, and the wait for the device at the end. `seconds` adds the evaluation of the held-back
examples after each epoch, but neither reading the data nor the test set, which is only reported.

Differences from ours, besides the random numbers:
- they are generated on the device, ours on the host;
- pictures are floats on the device; on the CPU ours are bytes until they are augmented;
- the optimiser is PyTorch's fused one (same formula);
- running variances are those of a sample, n / (n - 1) times ours;
- no state is saved, and the loss is not read twice a second.
"""

import argparse
import gzip
import json
import math
import pathlib
import sys
import time
from contextlib import nullcontext

import torch
from torch import nn
from torch.nn import functional

MNIST = pathlib.Path(__file__).resolve().parent.parent.parent / "artifacts/datasets/mnist"
SIDE, CLASSES = 28, 10
MEAN, STD = 0.1307, 0.3081
# Channels, kernel, stride, padding.
CONVOLUTIONS = [(24, 5, 2, 2), (56, 3, 2, 1), (56, 3, 1, 1), (96, 3, 2, 1)]
# The recipe: train/src/config.rs.
WARMUP, WEIGHT_DECAY, SMOOTHING, HELD_BACK = 0.2, 0.05, 0.05, 1 / 12
ROTATION, SCALE, SHEAR, SHIFT, ELASTIC = 8.0, 0.08, 0.15, 1.0, 0.45
# burn's AdamW divides by a little more than PyTorch's would by default.
EPSILON = 1e-5
# The elastic displacement: control points a side, and their reach in pixels.
CONTROL, REACH = 5, 5.0
EVALUATION_BATCH = 256


def idx(folder, name, header):
    """The bytes of an IDX file, gzipped or not; None if it is not there."""
    for path, read in ((folder / f"{name}.gz", gzip.open), (folder / name, open)):
        if path.is_file():
            with read(path, "rb") as file:
                return torch.frombuffer(bytearray(file.read()[header:]), dtype=torch.uint8)
    return None


def read_set(folder, name, device):
    """Pictures `[n, 1, 28, 28]` on the scale 0–255 and labels `[n]`, on the device."""
    pixels, labels = idx(folder, f"{name}-images-idx3-ubyte", 16), idx(folder, f"{name}-labels-idx1-ubyte", 8)
    if pixels is None or labels is None:
        return None
    return pixels.reshape(-1, 1, SIDE, SIDE).float().to(device), labels.long().to(device)


def network():
    """PyTorch's own initialisation is burn's: uniform up to 1 / √(inputs)."""
    layers, channels_in, side = [], 1, SIDE
    for channels, kernel, stride, padding in CONVOLUTIONS:
        # The norm has a bias of its own.
        layers += [nn.Conv2d(channels_in, channels, kernel, stride, padding, bias=False), nn.BatchNorm2d(channels), nn.ReLU()]
        channels_in, side = channels, (side + 2 * padding - kernel) // stride + 1
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels_in * side * side, CLASSES))


def normalise(pixels):
    return (pixels / 255 - MEAN) / STD


class Augmenter:
    """One affine map and one smooth displacement a picture, in a single resampling."""

    def __init__(self, device, generator):
        self.device, self.generator = device, generator
        pixels = torch.arange(SIDE, dtype=torch.float32)
        y, x = (axis.flatten() for axis in torch.meshgrid(pixels, pixels, indexing="ij"))
        centres = (torch.arange(CONTROL) + 0.5) * SIDE / CONTROL - 0.5
        cy, cx = (axis.flatten() for axis in torch.meshgrid(centres, centres, indexing="ij"))
        far = (x[:, None] - cx) ** 2 + (y[:, None] - cy) ** 2
        grid = lambda i: (2 * i + 1) / SIDE - 1
        affine = torch.stack([grid(x), grid(y), torch.ones_like(x)], 1)
        # [784, 3 + 25]: x, y, 1, and how much each control point moves the pixel.
        self.basis = torch.cat([affine, torch.exp(-far / (2 * REACH**2))], 1).to(device)

    def maps(self, batch):
        """`[batch, 28, 2]`: what the basis is multiplied with."""
        of_generator = {"device": self.device, "generator": self.generator}
        within = 2 * torch.rand(6, batch, **of_generator) - 1
        angle = within[0] * math.radians(ROTATION)
        sin, cos = angle.sin(), angle.cos()
        wide, high, slant = 1 + SCALE * within[1], 1 + SCALE * within[2], SHEAR * within[3]
        pixel = 2 / SIDE
        affine = torch.stack([
            cos * wide, sin * wide,
            (cos * slant - sin) * high, (sin * slant + cos) * high,
            SHIFT * pixel * within[4], SHIFT * pixel * within[5],
        ], 1).reshape(batch, 3, 2)
        elastic = ELASTIC * pixel * torch.randn(batch, CONTROL**2, 2, **of_generator)
        return torch.cat([affine, elastic], 1)

    def __call__(self, pixels):
        batch = len(pixels)
        grid = (self.basis @ self.maps(batch)).reshape(batch, SIDE, SIDE, 2)
        return functional.grid_sample(pixels, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def learning_rate_at(peak, step, steps):
    """Up in a line, then down half a cosine."""
    progress = (step + 0.5) / steps
    if progress < WARMUP:
        return peak * progress / WARMUP
    return peak * 0.5 * (1 + math.cos(math.pi * (progress - WARMUP) / (1 - WARMUP)))


def say(kind, **what):
    print(json.dumps({kind: what}), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=pathlib.Path, default=MNIST, help="a folder of IDX files")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--learning-rate", type=float, default=4e-3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--device", default="cpu", help="cpu, cuda or mps")
    parser.add_argument("--threads", type=int, help="of the CPU")
    parser.add_argument("--precision", choices=["fp32", "tf32", "bf16"], default="fp32")
    parser.add_argument("--compile", action="store_true", help="torch.compile the forward pass and the loss")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    device = torch.device(options.device)
    # Else convolutions would be in TF32 where the GPU has it.
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = options.precision == "tf32"
    # All batches have the same shape, so it pays to search for the fastest kernels.
    torch.backends.cudnn.benchmark = True
    torch.manual_seed(options.seed)
    shuffle = torch.Generator().manual_seed(options.seed)
    wait = {"cuda": torch.cuda.synchronize, "mps": torch.mps.synchronize}.get(device.type, lambda: None)
    mixed = lambda: torch.autocast(device.type, torch.bfloat16) if options.precision == "bf16" else nullcontext()

    pixels, labels = read_set(options.data, "train", device)
    test = read_set(options.data, "t10k", device)
    held_back = min(max(int(len(labels) * HELD_BACK + 0.5), 1), len(labels) - 1)
    # The same ones whatever the run's seed is; not those that ours holds back.
    split = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0x5911)).to(device)
    validation = pixels[split[:held_back]], labels[split[:held_back]]
    pixels, labels = pixels[split[held_back:]], labels[split[held_back:]]

    model = network().to(device)
    augment = Augmenter(device, torch.Generator(device).manual_seed(options.seed))
    optimizer = torch.optim.AdamW(model.parameters(), betas=(0.9, 0.999), eps=EPSILON, weight_decay=WEIGHT_DECAY,
                                  fused=device.type in ("cpu", "cuda"))
    batch_size = min(options.batch_size, len(labels))
    per_epoch = len(labels) // batch_size
    steps = per_epoch * options.epochs
    say("ready", torch=torch.__version__, device=str(device), threads=torch.get_num_threads(),
        precision=options.precision, compiled=options.compile, examples=len(labels), held_back=held_back,
        parameters=sum(parameter.numel() for parameter in model.parameters()))

    def loss_of(batch, targets):
        with mixed():
            logits = model(normalise(batch))
        return functional.cross_entropy(logits.float(), targets, label_smoothing=SMOOTHING), logits

    if options.compile:
        loss_of = torch.compile(loss_of)

    @torch.no_grad()
    def score(pixels, labels):
        """Accuracy and mean loss, without smoothing."""
        model.eval()
        right = loss = 0
        for batch, targets in zip(pixels.split(EVALUATION_BATCH), labels.split(EVALUATION_BATCH)):
            logits = model(normalise(batch))
            right += (logits.argmax(1) == targets).sum()
            loss += functional.cross_entropy(logits, targets, reduction="sum")
        model.train()
        return {"accuracy": right.item() / len(labels), "loss": loss.item() / len(labels), "examples": len(labels)}

    seconds, step = 0.0, 0
    for epoch in range(1, options.epochs + 1):
        begun = time.perf_counter()
        order = torch.randperm(len(labels), generator=shuffle).to(device)
        loss_sum, right = torch.zeros((), device=device), torch.zeros((), device=device)
        for indices in order[: per_epoch * batch_size].split(batch_size):
            rate = learning_rate_at(options.learning_rate, step, steps)
            for group in optimizer.param_groups:
                group["lr"] = rate
            targets = labels[indices]
            loss, logits = loss_of(augment(pixels[indices]), targets)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            loss_sum += loss.detach()
            right += (logits.argmax(1) == targets).sum()
            step += 1
            if step == 1:
                wait()
                say("first_step", seconds=time.perf_counter() - begun)
        wait()
        train_loss = loss_sum.item() / per_epoch
        spent = time.perf_counter() - begun
        if not math.isfinite(train_loss):
            sys.exit("the loss is not a number: training diverged")
        begun = time.perf_counter()
        measured = score(*validation)
        seconds += spent + time.perf_counter() - begun
        images = per_epoch * batch_size
        say("epoch", epoch=epoch, step=step, learning_rate=rate, train_loss=train_loss,
            train_accuracy=right.item() / images, validation=measured, images_per_second=images / spent,
            seconds=seconds, test=score(*test) if test else None)
    say("finished", seconds=seconds)


if __name__ == "__main__":
    main()
