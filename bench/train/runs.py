"""Training runs of both programs: their commands, their data and their results."""

import gzip
import json
import pathlib
import re
import shutil
import statistics
import sys
import tempfile

from processes import CORES, Card, Process

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PROGRAM = ROOT / "target/release/trainer"
MNIST = ROOT / "artifacts/datasets/mnist"
NICENESS = 15  # that ours sets itself with --as-child


class Variant:
    """One way to train: ours or PyTorch, on one device."""

    def __init__(self, name, device, ours, *more):
        self.name, self.device, self.ours, self.more = name, device, ours, more

    def command(self, data, artifacts, epochs, options, as_child=False):
        recipe = ["--data", data, "--epochs", epochs, "--batch-size", options.batch_size,
                  "--learning-rate", options.learning_rate, "--device", self.device]
        if self.ours:
            alone = ["--synthetic", 0, "--negatives", 0, "--artifacts", artifacts]
            return [PROGRAM, *recipe, *alone, *(["--as-child"] if as_child else [])]
        polite = ["nice", "-n", NICENESS] if as_child else []
        return [*polite, sys.executable, "-B", HERE / "twin.py", *recipe, "--threads", CORES, *self.more]


class Work:
    """The temporary folder with data, artifacts and kernel caches."""

    def __init__(self, folder, options):
        self.folder, self.options, self.homes = folder, options, 0

    def data(self, count):
        """MNIST, or its first `count` pictures without the test set."""
        if count is None:
            return MNIST
        folder = self.folder / f"first-{count}"
        if not folder.exists():
            folder.mkdir()
            for name, header, item in (("train-images-idx3-ubyte", 16, 784), ("train-labels-idx1-ubyte", 8, 1)):
                raw = gzip.decompress((MNIST / f"{name}.gz").read_bytes())
                raw = bytearray(raw[: header + count * item])
                raw[4:8] = count.to_bytes(4, "big")
                (folder / name).write_bytes(raw)
        return folder

    def home(self):
        """A new home folder, without kernel caches."""
        self.homes += 1
        return self.folder / f"home-{self.homes}"

    def train(self, variant, home, epochs, count=None, as_child=False, sample=0.0):
        """Trains and returns the run's results."""
        artifacts = pathlib.Path(tempfile.mkdtemp(dir=self.folder))
        try:
            with Card() as card:
                command = variant.command(self.data(count), artifacts, epochs, self.options, as_child)
                process = Process(command, home, sample).wait()
            if variant.ours:
                (checkpoint,) = artifacts.glob("checkpoints/*/manifest.json")
                lines = (checkpoint.parent / "metrics.jsonl").read_text().splitlines()
                of_epochs = [json.loads(line) for line in lines]
                test = json.loads(checkpoint.read_text())["metrics"]["test"]
            else:
                of_epochs = [epoch for _, epoch in process.json("epoch")]
                test = of_epochs[-1]["test"]
            return Outcome(process, of_epochs, test and test["accuracy"], card)
        finally:
            shutil.rmtree(artifacts)


class Outcome:
    """The results of a run."""

    def __init__(self, process, epochs, test, card):
        self.process, self.epochs, self.test, self.card = process, epochs, test, card

    def speed(self):
        return statistics.median(epoch["images_per_second"] for epoch in self.epochs[1:] or self.epochs)

    def validation(self):
        return self.epochs[-1]["validation"]["accuracy"]

    def seconds_to(self, accuracy):
        return next((epoch["seconds"] for epoch in self.epochs if epoch["validation"]["accuracy"] >= accuracy), None)

    def ends_of_epochs(self):
        """Seconds from the start of the process to the ends of the first and the last epoch."""
        ends = [at for at, line in self.process.lines if re.match(r'epoch +\d+/\d+ +train loss|{"epoch"', line)]
        return ends[0], ends[-1]

    def busy(self):
        return self.card.busy(*(self.process.begun + end for end in self.ends_of_epochs()))
