#!/usr/bin/env python3
"""Glyphic's server beside ONNX Runtime and beside servers that others would write.

    bench/serve/run [--quick] [--json FILE]

Exits with 1 if a bar is not met.
"""

import argparse
import contextlib
import gzip
import json
import os
import pathlib
import platform
import signal
import socket
import statistics
import struct
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zlib
from importlib.metadata import version

import glyphic
import numpy as np
import onnxruntime

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
ARTIFACTS, BUILT = ROOT / "artifacts", ROOT / "target/release"
BATCHES = [1, 8, 64, 256]
CORES = len(os.sched_getaffinity(0))
CONNECTIONS = 16
RAW = "application/octet-stream"

# What each bar compares, and the least or most that passes.
SHARE_OF_ONNX, STRETCH_OF_ONNX = 0.5, 1.0
SINGLE_MS = 0.1
SHARE_OF_EMPTY, STRETCH_OF_EMPTY = 0.15, 0.3
LOAD, P99_MS = 0.7, 5
ADDED_MS = 1
TIMES_BEST_PEER = 10
# Overload: how many times what it can do, for how long, and how much memory may grow.
OVERLOAD, OVERLOAD_SECONDS, OVERLOAD_CONNECTIONS, GROWTH = 2, 60, 256, 1.1


def digit():
    """MNIST's first test picture, a 7."""
    return gzip.decompress((ARTIFACTS / "datasets/mnist/t10k-images-idx3-ubyte.gz").read_bytes())[16 : 16 + 784]


def png(pixels):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + pixels[y * 28 : y * 28 + 28] for y in range(28))
    head = struct.pack(">IIBBBBB", 28, 28, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def strokes():
    """A 7 as a visitor's pad sends it: the bar, the stem and a dash, a point every few pixels."""
    corners = [[(30, 40), (150, 34), (70, 220)], [(60, 122), (140, 116)]]
    lines = []
    for stroke in corners:
        line = [stroke[0]]
        for (x0, y0), (x1, y1) in zip(stroke, stroke[1:]):
            line += [(x0 + (x1 - x0) * i / 20, y0 + (y1 - y0) * i / 20) for i in range(1, 21)]
        lines.append(line)
    return json.dumps({"strokes": lines}).encode()


def output_of(*command):
    """The JSON objects that a program prints, one a line."""
    done = subprocess.run([str(part) for part in command], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def medians(rounds):
    """Of figures measured several times: each one's median."""
    return {key: statistics.median(one[key] for one in rounds) for key in rounds[0]}


def table(title, head, rows):
    print(f"\n{title}\n")
    rows = [head] + [[cell if isinstance(cell, str) else f"{cell:,.2f}" if cell < 100 else f"{cell:,.0f}" for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    for row in rows:
        print("  " + row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:])), sep="  ")


# In process


def speed(read, batch, seconds):
    """Pictures a second of a function that reads a batch."""

    def runs(seconds):
        count, begun = 0, time.perf_counter()
        while (taken := time.perf_counter() - begun) < seconds:
            read()
            count += 1
        return count / taken

    runs(seconds / 5)
    return batch * runs(seconds)


def python_speed(picture, batch, threads, seconds):
    """The Python package's, from an array of bytes to labels, probabilities and verdicts."""
    network = glyphic.load(ARTIFACTS, threads=threads)
    pixels = np.tile(np.frombuffer(picture, np.uint8).reshape(1, 28, 28), (batch, 1, 1))
    assert network.predict(pixels).labels.tolist() == ["7"] * batch
    return speed(lambda: network.predict(pixels), batch, seconds)


def onnx_speed(network, picture, batch, threads, seconds):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(network, options, providers=["CPUExecutionProvider"])
    pixels = np.tile(np.frombuffer(picture, np.uint8).astype(np.float32).reshape(1, 1, 28, 28), (batch, 1, 1, 1))
    assert session.run(None, {"pixels": pixels})[0].argmax(1).tolist() == [7] * batch
    return speed(lambda: session.run(None, {"pixels": pixels}), batch, seconds)


def in_process(network, rounds, seconds):
    threads = sorted({1, CORES})
    measured = []
    for _ in range(rounds):
        one = {}
        for n in threads:
            for batch in BATCHES:
                one["onnx", n, batch] = onnx_speed(network, digit(), batch, n, seconds)
                one["python", n, batch] = python_speed(digit(), batch, n, seconds)
            for line in output_of(BUILT / "inference", "--artifacts", ARTIFACTS, "--threads", n):
                one["glyphic", line["threads"], line["batch"]] = line["images_per_second"]
        measured.append(one)
    middle = medians(measured)
    return [
        {"threads": n, "batch": batch, "glyphic": middle["glyphic", n, batch], "onnx": middle["onnx", n, batch],
         "python": middle["python", n, batch],
         "ratio": middle["glyphic", n, batch] / middle["onnx", n, batch]}
        for n in threads for batch in BATCHES
    ]


# Over HTTP


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def ask(url, body, kind):
    """The answer to one request; None while nobody listens."""
    try:
        request = urllib.request.Request(url, body, {"Content-Type": kind})
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.status == 200, f"{url}: {answer.status}"
            return answer.read()
    except urllib.error.HTTPError as error:
        if error.code == 503:  # not ready yet
            return None
        raise
    except OSError:
        return None


@contextlib.contextmanager
def running(command, cwd=ROOT, env=None):
    # A group of its own, so that gunicorn's and uvicorn's workers end with it.
    server = subprocess.Popen([str(part) for part in command], cwd=cwd, env=os.environ | (env or {}),
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        yield server
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def servers(folder, only_peers):
    """Each server's name, port, command and environment."""
    python = [sys.executable, "-B", "-m"]
    uvicorn = lambda port: [*python, "uvicorn", "fastapi_onnx:app", "--port", port, "--no-access-log", "--log-level", "warning"]
    # The fastest here of the usual ways: Flask's own server answers a quarter to a half as
    # many; gunicorn's sync workers close the connection after each answer; more threads are
    # in each other's way.
    gunicorn = lambda app, port: [*python, "gunicorn", f"{app}:app", "--bind", f"127.0.0.1:{port}", "--preload",
                                  "--workers", CORES, "--threads", 2]
    glyphic = lambda port: [BUILT / "server", "--addr", f"127.0.0.1:{port}", "--artifacts", ARTIFACTS, "--device", "cpu",
                            "--database-url", f"sqlite://{folder}/glyphic.db?mode=rwc"]
    made = [
        ("empty", lambda port: [BUILT / "empty", f"127.0.0.1:{port}"]),
        ("glyphic", glyphic),
        ("fastapi", uvicorn),
        ("fastapi-workers", lambda port: [*uvicorn(port), "--workers", CORES]),
        ("flask-svm", lambda port: gunicorn("flask_svm", port)),
        ("flask-torch", lambda port: gunicorn("flask_torch", port)),
    ]
    return [(name, port := free_port(), command(port)) for name, command in made
            if not only_peers or name not in ("empty", "glyphic")]


def targets(folder):
    """The requests to measure: row, server, path, file of the body, its type."""
    bodies = {"raw": digit(), "png": png(digit()), "strokes": strokes()}
    for name, body in bodies.items():
        (folder / name).write_bytes(body)
    raw = folder / "raw"
    return [
        ("an empty axum handler", "empty", "/", raw, RAW),
        ("Glyphic, raw", "glyphic", "/api/predict", raw, RAW),
        ("Glyphic, PNG", "glyphic", "/api/predict", folder / "png", "image/png"),
        ("Glyphic, strokes", "glyphic", "/api/predict", folder / "strokes", "application/json"),
        ("FastAPI + ONNX Runtime", "fastapi", "/predict", raw, RAW),
        (f"  the same, {CORES} workers", "fastapi-workers", "/predict", raw, RAW),
        ("Flask + scikit-learn SVM", "flask-svm", "/predict", raw, RAW),
        ("Flask + PyTorch", "flask-torch", "/predict", raw, RAW),
    ]


def wait_until_right(server, url, file, kind):
    """Until it answers; and a server that answers fast but wrong is not worth timing."""
    until = time.monotonic() + 120
    while (answer := ask(url, file.read_bytes(), kind)) is None:
        if server.poll() is not None or time.monotonic() > until:
            raise SystemExit(f"{' '.join(map(str, server.args))}: does not answer")
        time.sleep(0.1)
    if not url.endswith("/"):
        assert json.loads(answer)["label"] == "7", f"{url} with {file.name}: {answer[:200]}"


def over_http(folder, rounds, seconds, only_peers):
    chosen = servers(folder, only_peers)
    ports = {name: port for name, port, _ in chosen}
    rows = [row for row in targets(folder) if row[1] in ports]
    env = {"NETWORK_ONNX": str(folder / "network.onnx"), "NETWORK_JSON": str(folder / "network.json"),
           "MNIST": str(ARTIFACTS / "datasets/mnist"), "SVM": str(folder / "svm.joblib")}

    def wrk(server, path, file, kind, seconds):
        return output_of("wrk", "--threads", 2, "--connections", CONNECTIONS, "--duration", f"{seconds}s", "--script",
                         HERE / "post.lua", f"http://127.0.0.1:{ports[server]}{path}", "--", file, kind)[0]

    def timed(server, path, file, kind, seconds, connections, rate):
        return output_of(BUILT / "load", f"127.0.0.1:{ports[server]}", path, file, kind, connections, rate, seconds)[0]

    with contextlib.ExitStack() as stack:
        processes = {name: stack.enter_context(running(command, HERE / "peers", env)) for name, _, command in chosen}
        for _, server, path, file, kind in rows:
            wait_until_right(processes[server], f"http://127.0.0.1:{ports[server]}{path}", file, kind)
        for _, *target in rows:
            wrk(*target, 1)
        measured = [[wrk(*target, seconds) for _, *target in rows] for _ in range(rounds)]
        loads = {"rows": [{"name": row[0], "server": row[1], **medians(of)} for row, of in zip(rows, zip(*measured))]}
        # A median may hide failures; their sum does not.
        failed = sum(one["failed"] for of in measured for one in of)
        if not only_peers:
            empty, glyphic = rows[0][1:], rows[1][1:]
            rate = LOAD * loads["rows"][1]["per_second"]
            at_load = [timed(*glyphic, seconds, CONNECTIONS, rate) for _ in range(rounds)]
            idle = [(timed(*glyphic, seconds / 2, 1, 0), timed(*empty, seconds / 2, 1, 0)) for _ in range(rounds)]
            loads["at_load"] = {"asked_per_second": rate, **medians(at_load)}
            loads["idle"] = {"glyphic": medians([one for one, _ in idle]), "empty": medians([one for _, one in idle])}
            failed += sum(one["failed"] + one["busy"] for one in at_load + [one for pair in idle for one in pair])
            loads["overload"] = overload(processes["glyphic"], lambda seconds: timed(
                *glyphic, seconds, OVERLOAD_CONNECTIONS, OVERLOAD * loads["rows"][1]["per_second"]), seconds)
    return loads | {"failed": failed}


def memory(process):
    """What a process holds now, in MiB."""
    for line in pathlib.Path(f"/proc/{process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise SystemExit("the server is gone")


def overload(process, load, seconds):
    """More than it can do, for a minute: memory once the connections are there, and at the end."""
    load(seconds)
    before = memory(process)
    answers = load(OVERLOAD_SECONDS)
    return answers | {"before_mib": before, "after_mib": memory(process)}


def cpu():
    with contextlib.suppress(OSError):
        for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor()


def bars(speeds, http):
    """Each bar: whether it is met, the bar, what was measured."""
    found = []
    if speeds:
        at = {(one["threads"], one["batch"]): one for one in speeds}
        for n in sorted({1, CORES}):
            ratio = at[n, 64]["ratio"]
            found.append((ratio >= SHARE_OF_ONNX, f"at least {SHARE_OF_ONNX} x ONNX Runtime, batches of 64, {n} thread{'s' * (n > 1)}",
                          f"{ratio:.2f} x (stretch, {STRETCH_OF_ONNX}: {'met' if ratio >= STRETCH_OF_ONNX else 'not met'})"))
        single = 1000 / at[1, 1]["glyphic"]
        found.append((single <= SINGLE_MS, f"a single picture in at most {SINGLE_MS} ms", f"{single:.3f} ms"))
    if http:
        found.append((http["failed"] == 0, "every request answered 200", f"{http['failed']} were not"))
    if http and "at_load" in http:
        rows = http["rows"]
        empty, raw = (one["per_second"] for one in rows[:2])
        found.append((raw / empty >= SHARE_OF_EMPTY, f"at least {SHARE_OF_EMPTY} x an empty handler's requests a second",
                      f"{raw / empty:.3f} x (stretch, {STRETCH_OF_EMPTY}: {'met' if raw / empty >= STRETCH_OF_EMPTY else 'not met'})"))
        load = http["at_load"]
        kept = load["per_second"] >= 0.99 * load["asked_per_second"]
        found.append((kept and load["p99_ms"] <= P99_MS, f"p99 at most {P99_MS} ms at {LOAD:.0%} of that load",
                      f"{load['p99_ms']:.2f} ms at {load['per_second']:,.0f} of {load['asked_per_second']:,.0f} a second"))
        added = http["idle"]["glyphic"]["p50_ms"] - http["idle"]["empty"]["p50_ms"]
        found.append((added <= ADDED_MS, f"at most {ADDED_MS} ms added when idle", f"{added:.3f} ms"))
        over = http["overload"]
        flat = over["after_mib"] <= GROWTH * over["before_mib"]
        found.append((over["failed"] == 0 and flat, f"{OVERLOAD_SECONDS} s at {OVERLOAD} x its load: no error but 429, flat memory",
                      f"{over['failed']} errors, {over['busy']} times 429, {over['before_mib']:.0f} then {over['after_mib']:.0f} MiB"))
        # The bar is against FastAPI with one worker; what more workers leave of it is said beside.
        peers = {one["server"]: one for one in rows if one["server"] not in ("empty", "glyphic")}
        many = peers.pop("fastapi-workers")["per_second"]
        best = max(peers.values(), key=lambda one: one["per_second"])
        found.append((raw >= TIMES_BEST_PEER * best["per_second"], f"at least {TIMES_BEST_PEER} x the best peer",
                      f"{raw / best['per_second']:.1f} x {best['name']}; {raw / many:.1f} x FastAPI with {CORES} workers"))
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path, help="with network.onnx and network.json")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    parser.add_argument("--json", type=pathlib.Path, help="write the figures to this file")
    parser.add_argument("--only", choices=["inference", "http", "peers"], help="a part of it")
    options = parser.parse_args()
    folder = options.folder.resolve()
    rounds, seconds = (3, 2) if options.quick else (5, 6)

    of = ", ".join(f"{name} {version(name)}" for name in ["onnxruntime", "torch", "scikit-learn", "fastapi", "uvicorn", "flask", "gunicorn"])
    before = os.getloadavg()[0]
    print(f"{cpu()}, {CORES} cores, {platform.system()}; load before: {before:.1f}"
          f"{' (others are computing: not a fair measurement)' if before > 0.5 else ''}\n{of}")

    speeds = http = None
    if options.only in (None, "inference"):
        speeds = in_process(str(folder / "network.onnx"), rounds, seconds / 10)
        table("Pictures a second in process, on the CPU", ["threads, batch", "Glyphic", "from Python", "ONNX Runtime", "ratio"],
              [[f"{one['threads']}, {one['batch']}", one["glyphic"], one["python"], one["onnx"], one["ratio"]] for one in speeds])
        print(f"\n  The same network and picture; medians of {rounds} rounds, in turn. "
              "From pixels in memory to logits.")
    if options.only != "inference":
        http = over_http(folder, rounds, seconds, options.only == "peers")
        table("Over HTTP", ["", "requests/s", "p50 ms", "p99 ms"],
              [[one["name"], one["per_second"], one["p50_ms"], one["p99_ms"]] for one in http["rows"]])
        print(f"\n  wrk on the same cores, {CONNECTIONS} connections that stay open, 2 threads; the body is one of MNIST's\n"
              f"  test pictures, 784 bytes where nothing else is said. Medians of {rounds} rounds of {seconds} s, in turn,\n"
              f"  after one of 1 s. FastAPI under uvicorn with one worker; Flask under gunicorn with {CORES}\n"
              "  workers of 2 threads; one thread a worker computes.")
        if "at_load" in http:
            load, idle = http["at_load"], http["idle"]
            table("Latency of a raw request, ms", ["", "requests/s", "p50 ms", "p99 ms"], [
                [f"Glyphic at {LOAD:.0%} of its load", load["per_second"], load["p50_ms"], load["p99_ms"]],
                ["Glyphic, idle", idle["glyphic"]["per_second"], idle["glyphic"]["p50_ms"], idle["glyphic"]["p99_ms"]],
                ["an empty axum handler, idle", idle["empty"]["per_second"], idle["empty"]["p50_ms"], idle["empty"]["p99_ms"]],
            ])
            print(f"\n  load.rs on the same cores. At load: evenly spaced over {CONNECTIONS} connections; a latency counts\n"
                  "  from when the request was due, so also what it waited because earlier ones were late.\n"
                  f"  Idle: one after the other on one connection. Medians of {rounds} rounds.")

    print()
    found = bars(speeds, http)
    wide = max((len(bar) for _, bar, _ in found), default=0)
    for met, bar, measured in found:
        print(f"{'pass' if met else 'FAIL'}  {bar:<{wide}}  {measured}")
    if options.json:
        options.json.write_text(json.dumps({
            "cpu": cpu(), "cores": CORES, "load_before": before, "versions": of, "rounds": rounds, "seconds": seconds,
            "in_process": speeds, "http": http,
            "bars": [{"met": met, "bar": bar, "measured": measured} for met, bar, measured in found],
        }, indent=1) + "\n")
    sys.exit(not all(met for met, _, _ in found))


if __name__ == "__main__":
    main()
