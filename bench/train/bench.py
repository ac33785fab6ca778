#!/usr/bin/env python3
"""Training here beside PyTorch: one network, one recipe, in turns on the same cores.

    cargo build --release -p glyphic-train
    bench/train/run [--quick] [--memory] [--gpu auto|none|gpu:N] [--json FILE]

Both train on MNIST alone (ours with --synthetic 0 --negatives 0), 55,000 examples and 5,000 held
back, augmented in the step, in processes of their own one after the other. On the CPU both
have as many threads as there are cores; fewer: taskset -c 0 bench/train/run.

- img/s: of all epochs of a short run but the first, which may compile kernels; the median
  of the rounds. Steps alone, without the looks at held-back examples; ours includes saving
  its state after each epoch, a few ms.
- time to an accuracy: on the held-back examples, looked at after each epoch, of the first
  epoch that has it. By the run's own clock: from the first step, with the looks, without
  starting the program and reading the data. The rate falls to 0 at the end of a run
  whatever its length, so how soon an accuracy is there depends on the schedule: several are
  tried, and the soonest counts and is named. Kernel caches are filled by the runs before.
- first step: from starting the process, on a set of exactly one batch (ours reports after
  the first step only there), to the line that says that it is done. That is loading the
  program, reading 140 pictures, one step and the wait for it. Cold: with empty kernel
  caches (the files themselves may be in the system's page cache). Warm: a fresh process
  again, with the caches that the cold one left. `the step itself` is the same step by the
  process's own clock, without what comes before it. Both run at niceness 15 here, because
  ours does so when it reports to a program.
- memory: what the kernel says was the process's peak, of the short runs; the card's, what
  nvidia-smi says above what it said before.
- --memory: 50 epochs of the first 2,000 pictures, looked at 20 times a second. Flat is: the
  median of the last tenth of the samples is at most 1.1 times that of the second tenth.
- others: the share of the cores that other programs had during the short runs, the most of
  the rounds. PyTorch's threads wait for each other after every operator and lose many times
  what others take, so above a tenth no bar of speed counts as passed or missed (Linux alone
  says it).
- GPU busy: nvidia-smi's share of time in which a kernel ran, between the first epoch's end
  and the last's.

Exits with 1 if a bar is missed.
"""

import argparse
import contextlib
import gzip
import json
import os
import pathlib
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PROGRAM = ROOT / "target/release/trainer"
MNIST = ROOT / "artifacts/datasets/mnist"
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
ACCURACIES = [0.99, 0.995, 0.997]
HELD_BACK = 1 / 12
NICENESS = 15  # of ours with --as-child

# The bars.
CPU_SHARE, GPU_SHARE = 0.8, 1.0
GPU_SECONDS = {0.99: 1, 0.995: 5}
GPU_BUSY = 0.8
OTHERS = 0.1
GROWTH, MEMORY_EPOCHS, MEMORY_EXAMPLES = 1.1, 50, 2000


class Failed(Exception):
    """A program did not train."""


class Variant:
    """One way to train: ours or PyTorch, on some devices."""

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


class Process:
    """A program that trains: its lines with the time of each, and samples of its memory."""

    def __init__(self, command, home, sample=0.0):
        # Kernel caches go where HOME is, not into the checkout or the user's folders.
        environment = os.environ | {
            "HOME": str(home), "XDG_CACHE_HOME": f"{home}/cache", "CUDA_CACHE_PATH": f"{home}/cuda",
            "TORCHINDUCTOR_CACHE_DIR": f"{home}/inductor", "RAYON_NUM_THREADS": str(CORES),
        }
        home.mkdir(exist_ok=True)
        self.busy = busy_seconds()
        self.lines, self.samples, self.over = [], [], threading.Event()
        self.begun = time.perf_counter()
        # The open standard input is what holds a child of ours alive.
        self.process = subprocess.Popen([str(part) for part in command], cwd=home, env=environment, text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.threads = [threading.Thread(target=self.read, args=[pipe])
                        for pipe in (self.process.stdout, self.process.stderr)]
        if sample:
            self.threads.append(threading.Thread(target=self.watch, args=[sample]))
        for thread in self.threads:
            thread.start()

    def read(self, pipe):
        for line in pipe:
            self.lines.append((time.perf_counter() - self.begun, line.rstrip()))

    def watch(self, every):
        """Megabytes that the process holds, from time to time."""
        while not self.over.wait(every):
            with contextlib.suppress(OSError):
                for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
                    if line.startswith("VmRSS:"):
                        self.samples.append((time.perf_counter() - self.begun, int(line.split()[1]) / 1024))

    def wait(self):
        try:
            # Not communicate(): the kernel's peak comes with this call alone.
            _, status, used = os.wait4(self.process.pid, 0)
            self.process.returncode = os.waitstatus_to_exitcode(status)
        finally:
            if self.process.returncode is None:
                self.process.kill()
            self.over.set()
        for thread in self.threads:
            thread.join()
        if self.process.returncode:
            last = "\n".join(line for _, line in self.lines[-5:])
            raise Failed(f"{self.process.args[0]} ended with {self.process.returncode}:\n{last}")
        spent = time.perf_counter() - self.begun
        own = used.ru_utime + used.ru_stime
        self.others = self.busy and max(0, busy_seconds() - self.busy - own) / (spent * CORES)
        self.peak = used.ru_maxrss / (2**20 if sys.platform == "darwin" else 1024)
        return self

    def json(self, kind):
        """What lines of this kind say, and when they came."""
        found = [(at, json.loads(line)) for at, line in self.lines if line.startswith("{")]
        return [(at, line[kind]) for at, line in found if kind in line]


def busy_seconds():
    """What all programs have computed on the cores that are ours; None if the system does not say."""
    with contextlib.suppress(OSError):
        seconds = 0
        for line in pathlib.Path("/proc/stat").read_text().splitlines():
            name, *ticks = line.split()
            if name.startswith("cpu") and name[3:].isdigit() and int(name[3:]) in os.sched_getaffinity(0):
                user, nice, system, _, _, irq, softirq, steal = map(int, ticks[:8])
                seconds += (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")
        return seconds
    return None


class Card:
    """The GPU's memory and how busy it is, as nvidia-smi says, while something runs."""

    def __enter__(self):
        self.samples, self.process = [], None
        if shutil.which("nvidia-smi"):
            self.process = subprocess.Popen(
                ["nvidia-smi", "-i", "0", "--query-gpu=memory.used,utilization.gpu", "--format=csv,noheader,nounits",
                 "-lms", "100"], stdout=subprocess.PIPE, text=True)
            threading.Thread(target=self.read, daemon=True).start()
            time.sleep(1)  # for the first sample, before anything runs
        return self

    def read(self):
        for line in self.process.stdout:
            with contextlib.suppress(ValueError):
                self.samples.append((time.perf_counter(), *map(float, line.split(","))))

    def __exit__(self, *_):
        if self.process:
            self.process.kill()
            self.process.wait()

    def memory(self):
        """Megabytes over what was taken before."""
        return max(used for _, used, _ in self.samples) - self.samples[0][1] if self.samples else None

    def busy(self, begun, ended):
        shares = [share / 100 for at, _, share in self.samples if begun <= at <= ended]
        return statistics.mean(shares) if shares else None


class Work:
    """The temporary folder: data, artifacts and kernel caches."""

    def __init__(self, folder, options):
        self.folder, self.options, self.homes = folder, options, 0

    def data(self, count):
        """MNIST, or its first pictures without the test set."""
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
        """A folder without any kernel cache."""
        self.homes += 1
        return self.folder / f"home-{self.homes}"

    def train(self, variant, home, epochs, count=None, as_child=False, sample=0.0):
        """Trains, and says what each epoch was like and how the end was."""
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
    """What a run was like."""

    def __init__(self, process, epochs, test, card):
        self.process, self.epochs, self.test, self.card = process, epochs, test, card

    def speed(self):
        return statistics.median(epoch["images_per_second"] for epoch in self.epochs[1:] or self.epochs)

    def validation(self):
        return self.epochs[-1]["validation"]["accuracy"]

    def seconds_to(self, accuracy):
        return next((epoch["seconds"] for epoch in self.epochs if epoch["validation"]["accuracy"] >= accuracy), None)

    def ends_of_epochs(self):
        """When the first and the last epoch were over, since the process began."""
        ends = [at for at, line in self.process.lines if re.match(r'epoch +\d+/\d+ +train loss|{"epoch"', line)]
        return ends[0], ends[-1]

    def busy(self):
        return self.card.busy(*(self.process.begun + end for end in self.ends_of_epochs()))


# What is measured of a variant


def first_step(work, variant, home):
    """Seconds from the process's start to the end of its first step, and of that step itself."""
    # The fewest pictures of which, less the held-back ones, a batch is left.
    batch = work.options.batch_size
    count = next(n for n in range(batch, 2 * batch) if n - int(n * HELD_BACK + 0.5) == batch)
    run = work.train(variant, home, 1, count, as_child=True)
    if variant.ours:
        return {"whole": run.process.json("progress")[0][0], "itself": batch / run.epochs[0]["images_per_second"]}
    ((at, step),) = run.process.json("first_step")
    return {"whole": at, "itself": step["seconds"]}


def medians(rounds):
    return {key: statistics.median(one[key] for one in rounds) for key in rounds[0]}


def measure(work, variants, quick, schedules):
    """All of a table's figures, by variant."""
    rounds = 3
    count, epochs = (12_000, 2) if quick else (None, 3)
    homes = {}
    found = {variant: {"cold": [], "warm": [], "speeds": [], "peaks": [], "others": [], "card": [], "busy": []} for variant in variants}
    # A program that cannot train here at all (no driver, no compiler) is left out.
    for variant in list(variants):
        try:
            for _ in range(1 if quick else rounds):
                homes[variant] = work.home()
                found[variant]["cold"].append(first_step(work, variant, homes[variant]))
                found[variant]["warm"].append(first_step(work, variant, homes[variant]))
        except Failed as error:
            print(f"{variant.name} is left out: {error}\n", file=sys.stderr)
            variants.remove(variant)
            del found[variant]
    for number in range(rounds):
        for variant in variants:
            print(f"round {number + 1}: {variant.name} …", end="", flush=True, file=sys.stderr)
            run = work.train(variant, homes[variant], epochs, count)
            of = found[variant]
            of["speeds"].append(run.speed())
            of["peaks"].append(run.process.peak)
            of["others"].append(run.process.others)
            of["card"].append(run.card.memory())
            of["busy"].append(run.busy())
            print(f" {run.speed():,.0f} img/s", file=sys.stderr)
    examples = 55_000
    figures = {}
    for variant, of in found.items():
        speed = statistics.median(of["speeds"])
        known = lambda values: statistics.median(values) if None not in values else None
        figures[variant.name] = {
            "ours": variant.ours, "images_per_second": speed, "speeds": of["speeds"], "epoch_seconds": examples / speed,
            "cold": medians(of["cold"]), "warm": medians(of["warm"]), "step_seconds": work.options.batch_size / speed,
            "peak_mib": max(of["peaks"]), "card_mib": known(of["card"]), "busy": known(of["busy"]),
            "others": max(of["others"]) if None not in of["others"] else None, "runs": [],
        }
    for epochs in schedules:
        for variant in fastest(variants, figures):
            print(f"{epochs} epochs: {variant.name} …", end="", flush=True, file=sys.stderr)
            run = work.train(variant, homes[variant], epochs)
            figures[variant.name]["runs"].append({
                "epochs": epochs, "seconds": run.epochs[-1]["seconds"], "validation": run.validation(), "test": run.test,
                "to": {accuracy: run.seconds_to(accuracy) for accuracy in ACCURACIES},
            })
            print(f" {run.validation():.2%} of the held-back, {run.test:.2%} of the test set", file=sys.stderr)
    return figures


def fastest(variants, figures):
    """The faster of ours and the faster of PyTorch."""
    of = lambda ours: [variant for variant in variants if variant.ours == ours]
    speed = lambda variant: figures[variant.name]["images_per_second"]
    return [max(some, key=speed) for some in (of(True), of(False)) if some]


def soonest(figures, accuracy):
    """The fewest seconds to an accuracy, and the schedule that has it so soon."""
    found = [(run["to"][accuracy], run["epochs"]) for run in figures["runs"] if run["to"][accuracy] is not None]
    return min(found, default=None)


def memory(work, variant, home):
    """Memory over many epochs: host, and card if there is one."""
    run = work.train(variant, home, MEMORY_EPOCHS, MEMORY_EXAMPLES, sample=0.05)
    first, last = run.ends_of_epochs()
    host = [mib for at, mib in run.process.samples if first <= at <= last]
    card = [used - run.card.samples[0][1] for at, used, _ in run.card.samples if first <= at - run.process.begun <= last]
    return {"host": grown(host), "card": grown(card) if card else None}


def grown(samples):
    """The second tenth of the samples and the last: at the very first, memory still fills up.
    Nothing if there are too few."""
    if len(samples) < 20:
        return None
    tenth = len(samples) // 10
    early, late = statistics.median(samples[tenth : 2 * tenth]), statistics.median(samples[-tenth:])
    return {"early": early, "late": late, "most": max(samples), "samples": len(samples), "flat": late <= GROWTH * early}


# What is shown


def table(title, head, rows):
    print(f"\n{title}\n")
    rows = [head, *rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    for row in rows:
        print("  " + row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:])), sep="  ")


def show(title, figures):
    number = lambda value, digits=0: "–" if value is None else f"{value:,.{digits}f}"
    base = next((of["images_per_second"] for of in figures.values() if not of["ours"]), None)

    def to(accuracy):
        def cell(of):
            best = soonest(of, accuracy)
            if not of["runs"]:
                return "–"
            return f"{best[0]:,.1f} (of {best[1]})" if best else "not reached"
        return cell

    def last(of):
        return f"{of['runs'][-1]['test']:.2%} (of {of['runs'][-1]['epochs']})" if of["runs"] else "–"

    def spread(of):
        return f"{min(of['speeds']):,.0f}–{max(of['speeds']):,.0f}"

    rows = [
        ("img/s", lambda of: number(of["images_per_second"])),
        ("  least and most of the rounds", spread),
        ("  × PyTorch", lambda of: number(base and of["images_per_second"] / base, 2)),
        ("an epoch of 55,000, s", lambda of: number(of["epoch_seconds"], 1)),
        *((f"{accuracy * 100:g} % of the held-back, s (of a run of so many epochs)", to(accuracy)) for accuracy in ACCURACIES),
        ("test set at the end of the longest", last),
        ("first step, cold, from the process's start, s", lambda of: number(of["cold"]["whole"], 2)),
        ("  the step itself, ms", lambda of: number(1000 * of["cold"]["itself"])),
        ("first step, warm, from the process's start, s", lambda of: number(of["warm"]["whole"], 2)),
        ("  the step itself, ms", lambda of: number(1000 * of["warm"]["itself"])),
        ("a step later on, ms", lambda of: number(1000 * of["step_seconds"], 1)),
        ("others had of the cores", lambda of: "–" if of["others"] is None else f"{of['others']:.0%}"),
        ("peak memory, MiB", lambda of: number(of["peak_mib"])),
    ]
    if any(of["card_mib"] is not None for of in figures.values()):
        rows.append(("peak memory of the card, MiB", lambda of: number(of["card_mib"])))
        rows.append(("GPU busy", lambda of: "–" if of["busy"] is None else f"{of['busy']:.0%}"))
    table(title, ["", *figures], [[name, *map(cell, figures.values())] for name, cell in rows])


def bars(kind, figures, memories):
    """Each bar: whether it is met (None: not measured), the bar, what was measured."""
    found = []
    ours = {name: of for name, of in figures.items() if of["ours"]}
    peers = {name: of for name, of in figures.items() if not of["ours"] and "compiled" not in name}
    if not ours and not memories:
        found.append((False, f"{kind}: Glyphic trains here", "it does not: its errors are above"))
    if ours and peers:
        name, best = max(ours.items(), key=lambda item: item[1]["images_per_second"])
        share = lambda of: best["images_per_second"] / of["images_per_second"]
        (peer, base), *more = peers.items()
        need = GPU_SHARE if kind == "GPU" else CPU_SHARE
        measured = f"{share(base):.2f} x ({name})"
        measured += "".join(f"; {share(of):.2f} x {other}" for other, of in more)
        others = max((of["others"] or 0) for of in [*ours.values(), *peers.values()])
        alone = others <= OTHERS
        if not alone:
            measured += f"; neither passed nor missed: other programs had {others:.0%} of the cores"
        found.append((share(base) >= need if alone else None, f"{kind}: at least {need} x {peer}'s img/s", measured))
        if kind == "GPU":
            for accuracy, seconds in GPU_SECONDS.items():
                bar = f"GPU: {accuracy * 100:g} % of the held-back in under {seconds} s of warm training"
                to = soonest(best, accuracy)
                if not best["runs"]:
                    found.append((None, bar, "not measured"))
                else:
                    met = bool(to) and to[0] < seconds
                    found.append((met if alone else None, bar, f"{to[0]:.2f} s, of {to[1]} epochs" if to else "not reached"))
            busy = best["busy"]
            found.append((None if busy is None else busy >= GPU_BUSY, f"GPU busy at least {GPU_BUSY:.0%} of the time",
                          "not measured" if busy is None else f"{busy:.0%}"))
    for name, of, _ in filter(lambda memory: memory[2], memories):
        for place, one in of.items():
            if place == "card" and one is None and kind != "GPU":
                continue
            measured = one and f"{one['early']:,.0f} then {one['late']:,.0f} MiB, most {one['most']:,.0f}"
            bar = f"{name}: flat memory over {MEMORY_EPOCHS} epochs ({place})"
            found.append((one and one["flat"], bar, measured or "not measured"))
    return found


def probe():
    """PyTorch's version and its GPU, asked in a process of its own, which takes its memory with it."""
    code = ("import json, torch; print(json.dumps([torch.__version__, 'cuda' if torch.cuda.is_available() else "
            "'mps' if torch.backends.mps.is_available() else None]))")
    return json.loads(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout)


def cpu():
    with contextlib.suppress(OSError):
        for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a fifth of MNIST, no time to an accuracy: three minutes")
    parser.add_argument("--memory", action="store_true", help=f"memory over {MEMORY_EPOCHS} epochs, and nothing else")
    parser.add_argument("--gpu", default="auto", help="auto (if PyTorch has one), none, or our name of it: gpu, gpu:N")
    parser.add_argument("--no-cpu", action="store_true", help="the GPU alone")
    parser.add_argument("--compile", action="store_true", help="torch.compile beside; no bar is held against it")
    parser.add_argument("--schedules", type=lambda text: [int(part) for part in text.split(",")],
                        help="epochs of the runs for the time to an accuracy [default: 1,3,30; on a GPU 1,2,5,10,30]")
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--learning-rate", type=float, default=4e-3)
    parser.add_argument("--json", type=pathlib.Path, help="write the figures to this file")
    options = parser.parse_args()
    if not PROGRAM.exists():
        sys.exit(f"{PROGRAM} is missing: cargo build --release -p glyphic-train")
    version, gpu = probe()
    gpu = None if options.gpu == "none" else gpu
    before = os.getloadavg()[0]
    print(f"{cpu()}, {CORES} cores, {platform.system()}; load before: {before:.1f}"
          f"{' (others are computing: not a fair measurement)' if before > 0.5 else ''}\nPyTorch {version}; "
          f"batches of {options.batch_size}; GPU: {gpu or 'none'}", flush=True)

    kinds = []
    if not options.no_cpu:
        kinds.append(("CPU", [Variant("Glyphic", "cpu", True), Variant("PyTorch", "cpu", False)], [1, 3, 30]))
    if gpu:
        ours = "gpu" if options.gpu == "auto" else options.gpu
        variants = [Variant("Glyphic, GPU", ours, True), Variant("PyTorch, fp32", gpu, False)]
        if gpu == "cuda":
            variants += [Variant(f"PyTorch, {name}", gpu, False, "--precision", name) for name in ("tf32", "bf16")]
        kinds.append(("GPU", variants, [1, 2, 5, 10, 30]))
    found, all_figures, memories = [], {}, []
    with tempfile.TemporaryDirectory() as folder:
        work = Work(pathlib.Path(folder), options)
        for kind, variants, schedules in kinds:
            if options.compile:
                device = variants[-1].device
                variants.append(Variant("PyTorch, compiled", device, False, "--compile"))
            figures = {}
            if options.memory:
                memories = [(variant.name, memory(work, variant, work.home()), variant.ours) for variant in variants]
                table(f"Memory over {MEMORY_EPOCHS} epochs of {MEMORY_EXAMPLES:,} pictures, MiB", ["", "early", "late", "most"], [
                    [f"{name} ({place})", *(f"{one[key]:,.0f}" for key in ("early", "late", "most"))]
                    for name, of, _ in memories for place, one in of.items() if one])
                all_figures[kind] = memories
            else:
                chosen = [] if options.quick else options.schedules or schedules
                figures = all_figures[kind] = measure(work, variants, options.quick, chosen)
                show(f"Training on the {kind}", figures)
            found += bars(kind, figures, memories)

    print()
    wide = max((len(bar) for _, bar, _ in found), default=0)
    for met, bar, measured in found:
        print(f"{'–' if met is None else 'pass' if met else 'missed':<6}  {bar:<{wide}}  {measured}")
    if options.json:
        options.json.write_text(json.dumps({
            "cpu": cpu(), "cores": CORES, "load_before": before, "torch": version, "batch_size": options.batch_size,
            "figures": all_figures, "bars": [{"met": met, "bar": bar, "measured": measured} for met, bar, measured in found],
        }, indent=1) + "\n")
    sys.exit(any(met is False for met, _, _ in found))


if __name__ == "__main__":
    main()
