#!/usr/bin/env python3
"""What a thousand taught samples cost those who ask for predictions.

Starts two servers on the released checkpoint and one database with 1,000 labelled
samples, a hundred of each digit: one with --memory on, one with --memory off. Loads
each in turn (raw 784-byte bodies, 8 connections), with a digit and with a bar that
is none, and prints the medians.
Needs nothing but Python and what `cargo build --release --workspace` builds.
    python3 bench/taught.py
"""

import gzip
import json
import pathlib
import shutil
import statistics
import subprocess
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILT = ROOT / "target/release"
MNIST = ROOT / "artifacts/datasets/mnist"
PORTS = {"on": 8095, "off": 8096}
OF_A_LABEL, ROUNDS, SECONDS, CONNECTIONS = 100, 5, 4, 8


def samples():
    """The first hundred test pictures of each digit."""
    pictures = gzip.decompress((MNIST / "t10k-images-idx3-ubyte.gz").read_bytes())[16:]
    labels = gzip.decompress((MNIST / "t10k-labels-idx1-ubyte.gz").read_bytes())[8:]
    count = [0] * 10
    for i, label in enumerate(labels):
        count[label] += 1
        if count[label] <= OF_A_LABEL:
            yield label, pictures[784 * i : 784 * (i + 1)]


def teach(port, label, pixels):
    address = f"http://127.0.0.1:{port}/api/samples?label={label}"
    request = urllib.request.Request(address, pixels, {"Content-Type": "application/octet-stream"})
    return json.load(urllib.request.urlopen(request, timeout=60))


def wait_for(port):
    for _ in range(100):
        try:
            return urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5)
        except OSError:
            time.sleep(0.1)
    raise SystemExit("the server does not start")


def main():
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        shutil.copytree(ROOT / "artifacts/checkpoints", folder / "checkpoints")
        shutil.copy(ROOT / "artifacts/CURRENT", folder)
        glyphs = {"a digit": folder / "digit", "no digit": folder / "bar"}
        glyphs["a digit"].write_bytes(next(samples())[1])
        glyphs["no digit"].write_bytes(bytes(255 if 8 < i // 28 < 20 and i % 28 == 14 else 0 for i in range(784)))
        start = lambda memory, port: subprocess.Popen(
            [BUILT / "server", "--device", "cpu", "--addr", f"127.0.0.1:{port}", "--artifacts", folder, "--memory", memory],
            stdout=subprocess.DEVNULL)
        servers = []
        try:
            for memory, port in PORTS.items():
                servers.append(start(memory, port))
                wait_for(port)
            kept = sum(not teach(PORTS["on"], *sample)["duplicate"] for sample in samples())
            load = lambda port, glyph: json.loads(subprocess.run(
                [BUILT / "load", f"127.0.0.1:{port}", "/api/predict", glyph, "application/octet-stream", str(CONNECTIONS), "0", str(SECONDS)],
                check=True, capture_output=True, text=True).stdout)
            for name, glyph in glyphs.items():
                rates = {memory: [] for memory in PORTS}
                for _ in range(ROUNDS):
                    for memory, port in PORTS.items():
                        rates[memory].append(load(port, glyph)["per_second"])
                medians = {memory: statistics.median(of) for memory, of in rates.items()}
                print(f"{name}: {medians['off']:.0f} predictions a second without a memory, {medians['on']:.0f} "
                      f"with {kept} samples: {medians['on'] / medians['off']:.2f} x", flush=True)
        finally:
            for server in servers:
                server.kill()
                server.wait()


if __name__ == "__main__":
    main()
