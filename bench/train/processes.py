"""Runs a program that trains, and records its output, memory and time, and what the GPU does meanwhile."""

import contextlib
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import threading
import time

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


class Failed(Exception):
    """A program did not train."""


class Process:
    """A program that trains: its lines, each with its time, and samples of its memory."""

    def __init__(self, command, home, sample=0.0):
        # So that kernel caches are empty at first, and nothing is written to the user's folders.
        environment = os.environ | {
            "HOME": str(home), "XDG_CACHE_HOME": f"{home}/cache", "CUDA_CACHE_PATH": f"{home}/cuda",
            "TORCHINDUCTOR_CACHE_DIR": f"{home}/inductor", "RAYON_NUM_THREADS": str(CORES),
        }
        home.mkdir(exist_ok=True)
        self.busy = busy_seconds()
        self.lines, self.samples, self.over = [], [], threading.Event()
        self.begun = time.perf_counter()
        # Ours stops when its standard input ends.
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
        """Samples the memory of the process, in MiB."""
        while not self.over.wait(every):
            with contextlib.suppress(OSError):
                for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
                    if line.startswith("VmRSS:"):
                        self.samples.append((time.perf_counter() - self.begun, int(line.split()[1]) / 1024))

    def wait(self):
        try:
            # Not communicate(): only this call returns the peak memory.
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
        """The content of all lines of this kind, each with its time."""
        found = [(at, json.loads(line)) for at, line in self.lines if line.startswith("{")]
        return [(at, line[kind]) for at, line in found if kind in line]


def busy_seconds():
    """CPU seconds that all programs have used on our cores; None if the system does not say."""
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
    """Samples the GPU's memory and use with nvidia-smi while something runs."""

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
        """The peak, in MiB above what was used before."""
        return max(used for _, used, _ in self.samples) - self.samples[0][1] if self.samples else None

    def busy(self, begun, ended):
        shares = [share / 100 for at, _, share in self.samples if begun <= at <= ended]
        return statistics.mean(shares) if shares else None
