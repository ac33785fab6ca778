#!/usr/bin/env python3
"""Compares training here with PyTorch: the same network and recipe, in turns on the same cores.

    cargo build --release -p glyphic-train
    bench/train/run [--quick] [--memory] [--gpu auto|none|gpu:N] [--json FILE]

Both programs train on MNIST alone (ours with --synthetic 0 --negatives 0): 55,000 examples, and 5,000
held back. Both augment within the step. Each run is a process of its own, and only one runs at a time.
On the CPU both use as many threads as there are cores. To use fewer: taskset -c 0 bench/train/run.

- img/s: over all epochs of a short run except the first, which may compile kernels. The median of
  the rounds. Only the steps count, not the evaluation of the held-back examples. Our time includes
  saving the state after each epoch, a few ms.
- time to an accuracy: until the first epoch after which that share of the held-back examples is
  read correctly. It is measured by the run's own clock from the first step, with the evaluations,
  without starting the program and reading the data. The learning rate falls to 0 at the end of a
  run, however long it is, so the time depends on the schedule: several are tried, and the fastest
  counts and is named. Kernel caches are filled by earlier runs.
- first step: from starting the process to the line that reports the step, on a set of exactly one
  batch (only there does ours report after the first step). This is loading the program, reading
  140 pictures, one step and the wait for it. Cold: with empty kernel caches (the program's files
  may be in the system's page cache). Warm: a new process with the caches that the cold one left.
  `the step itself` is the same step by the process's own clock, without what comes before it. Both
  run at niceness 15 here, because ours does so when it reports to a program.
- memory: the process's peak in the short runs, as the kernel reports it; for the GPU, what
  nvidia-smi reports above what it reported before the run.
- --memory: 50 epochs of the first 2,000 pictures, sampled 20 times a second. Memory is flat if the
  median of the last tenth of the samples is at most 1.1 times that of the second tenth.
- other programs: the share of the cores' time that other programs had during the short runs, the
  highest of the rounds. PyTorch's threads wait for each other after every operator and lose many
  times what others take, so above a tenth no bar on speed counts as passed or missed. Known on
  Linux only.
- GPU busy: nvidia-smi's share of time in which a kernel ran, between the ends of the first and the
  last epoch.

Exits with 1 if a bar is missed.
"""

import argparse
import contextlib
import json
import os
import pathlib
import platform
import subprocess
import sys
import tempfile

from figures import MEMORY_EPOCHS, MEMORY_EXAMPLES, measure, memory
from processes import CORES
from report import bars, show, table
from runs import PROGRAM, Variant, Work


def probe():
    """PyTorch's version and its GPU. Asked in another process, so that its memory is freed afterwards."""
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
    parser.add_argument("--quick", action="store_true", help="a fifth of MNIST, and no time to an accuracy; takes three minutes")
    parser.add_argument("--memory", action="store_true", help=f"measure only memory, over {MEMORY_EPOCHS} epochs")
    parser.add_argument("--gpu", default="auto", help="auto (measure it if PyTorch has one), none, or the name that our program gives it: gpu, gpu:N")
    parser.add_argument("--no-cpu", action="store_true", help="measure only the GPU")
    parser.add_argument("--compile", action="store_true", help="measure torch.compile too; no bar compares with it")
    parser.add_argument("--schedules", type=lambda text: [int(part) for part in text.split(",")],
                        help="how many epochs each run for the time to an accuracy has [default: 1,3,30; on a GPU 1,2,5,10,30]")
    parser.add_argument("--batch-size", type=int, default=128, help="examples per step [default: %(default)s]")
    parser.add_argument("--learning-rate", type=float, default=4e-3, help="the highest of the schedule [default: %(default)s]")
    parser.add_argument("--json", type=pathlib.Path, help="write the figures to this file")
    options = parser.parse_args()
    if not PROGRAM.exists():
        sys.exit(f"{PROGRAM} is missing: cargo build --release -p glyphic-train")
    version, gpu = probe()
    gpu = None if options.gpu == "none" else gpu
    before = os.getloadavg()[0]
    print(f"{cpu()}, {CORES} cores, {platform.system()}; load before: {before:.1f}"
          f"{' (other programs are computing, so this is not a fair measurement)' if before > 0.5 else ''}\nPyTorch {version}; "
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
