"""What the tests read: the repository's checkpoints, MNIST's test set, and pictures made of it."""

import gzip
import os
import struct
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
SERVER = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release/server"


def idx(name):
    content = gzip.decompress((ROOT / "artifacts/datasets/mnist" / f"{name}.gz").read_bytes())
    axes = content[3]
    shape = struct.unpack(f">{axes}I", content[4 : 4 + 4 * axes])
    return np.frombuffer(content, np.uint8, offset=4 + 4 * axes).reshape(shape)


@pytest.fixture(scope="session")
def root():
    return ROOT


@pytest.fixture(scope="session")
def server():
    """The server's program, which reads files, too."""
    assert SERVER.exists(), f"build {SERVER} first"
    return SERVER


@pytest.fixture(scope="session")
def pixels():
    """MNIST's test pictures, [10000, 28, 28]."""
    return idx("t10k-images-idx3-ubyte")


@pytest.fixture(scope="session")
def labels():
    return idx("t10k-labels-idx1-ubyte").astype(str)


@pytest.fixture(scope="session")
def number(pixels, labels):
    """Writes digits of MNIST beside each other, dark on white, three times their size."""

    def write(text):
        digits = [pixels[np.flatnonzero(labels == digit)[1]] for digit in text]
        paper = 255 - np.pad(np.hstack(digits), 20)
        return np.kron(paper, np.ones((3, 3), np.uint8))

    return write
