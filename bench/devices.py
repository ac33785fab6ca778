#!/usr/bin/env python3
"""Training speed on several choices of devices, in turns, as ratios to the first.

    cargo build --release -p glyphic-train     (for other machines' devices: --features remote)
    bench/devices.py cpu cpu,cpu
    bench/devices.py gpu:0 gpu:0,gpu:1
    bench/devices.py gpu remote:ws://gpu-machine:8090

Each run is two epochs of MNIST; the second counts, because the first may tune
kernels. EPOCH_EXAMPLES=12000 takes less of MNIST.
"""

import gzip
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

ROUNDS = 3
REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
TRAINER = REPOSITORY / "target" / "release" / "trainer"
EXAMPLES = int(os.environ.get("EPOCH_EXAMPLES", "60000"))


def first_examples(folder):
    """MNIST's first training examples as an IDX directory."""
    for name, header, item in (("train-images-idx3-ubyte", 16, 784), ("train-labels-idx1-ubyte", 8, 1)):
        raw = gzip.open(REPOSITORY / "artifacts" / "datasets" / "mnist" / f"{name}.gz").read()
        data = bytearray(raw[: header + EXAMPLES * item])
        data[4:8] = EXAMPLES.to_bytes(4, "big")
        (folder / name).write_bytes(data)


def speed(devices, data):
    """Images a second in the second epoch."""
    with tempfile.TemporaryDirectory() as artifacts:
        command = [TRAINER, "--device", devices, "--epochs", "2", "--data", data, "--artifacts", artifacts]
        subprocess.run(command, check=True, capture_output=True, text=True)
        (metrics,) = pathlib.Path(artifacts).glob("checkpoints/*/metrics.jsonl")
        return json.loads(metrics.read_text().splitlines()[-1])["images_per_second"]


def main():
    choices = sys.argv[1:] or sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        data = pathlib.Path(folder)
        first_examples(data)
        found = {devices: [] for devices in choices}
        for _ in range(ROUNDS):
            for devices in choices:
                found[devices].append(speed(devices, data))
    base = statistics.median(found[choices[0]])
    print(f"{EXAMPLES} examples, second epoch, {ROUNDS} rounds in turns")
    for devices, speeds in found.items():
        median = statistics.median(speeds)
        spread = f"{min(speeds):.0f}–{max(speeds):.0f}"
        print(f"{devices:40} {median:8.0f} img/s  ({spread})  ×{median / base:.2f}")


main()
