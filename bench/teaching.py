#!/usr/bin/env python3
"""What training from samples costs those who are asking for predictions meanwhile.

Starts a server on a copy of the released checkpoint, teaches drawings, and times
predictions (raw 784-byte bodies, one connection) without and with a training job.
Needs nothing but Python and a built server: cargo build --release, then
    python3 bench/teaching.py
"""

import http.client
import json
import pathlib
import shutil
import statistics
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PORT = 8097


def request(connection, method, path, body=None, kind="application/json"):
    connection.request(method, path, body, {"Content-Type": kind})
    answer = connection.getresponse()
    return json.loads(answer.read())


def measure(connection, seconds, going=lambda: True):
    """Milliseconds of each prediction, one every 10 ms."""
    pixels = bytes(255 if 8 < i // 28 < 20 and i % 28 == 14 else 0 for i in range(784))
    times, end = [], time.monotonic() + seconds
    while time.monotonic() < end and going():
        begun = time.perf_counter()
        request(connection, "POST", "/api/predict", pixels, "application/octet-stream")
        times.append(1000 * (time.perf_counter() - begun))
        time.sleep(0.01)
    return times


def row(name, times):
    times = sorted(times)
    p99 = times[int(0.99 * len(times))]
    print(f"{name:<18} {len(times):>6}  p50 {statistics.median(times):.2f} ms  p99 {p99:.2f} ms")
    return statistics.median(times), p99


def main():
    with tempfile.TemporaryDirectory() as folder:
        artifacts = pathlib.Path(folder)
        current = (ROOT / "artifacts/CURRENT").read_text().split()[0]
        shutil.copytree(ROOT / "artifacts/checkpoints" / current, artifacts / "checkpoints" / current)
        (artifacts / "CURRENT").write_text(current + "\n")
        (artifacts / "datasets").symlink_to(ROOT / "artifacts/datasets")
        server = subprocess.Popen(
            [ROOT / "target/release/server", "--device", "cpu", "--addr", f"127.0.0.1:{PORT}",
             "--artifacts", artifacts], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        server.stdout.readline()
        connection = http.client.HTTPConnection("127.0.0.1", PORT)
        for i in range(20):
            strokes = [[[0, 0], [40 + i, 2], [20, 80 + i]]]
            body = json.dumps({"label": "7", "strokes": strokes})
            request(connection, "POST", "/api/samples", body)
        measure(connection, 1)
        idle = row("idle", measure(connection, 15))
        begun = time.monotonic()
        request(connection, "POST", "/api/jobs")
        watch = http.client.HTTPConnection("127.0.0.1", PORT)
        state = {"looked": 0.0, "going": True}

        def going():
            if time.monotonic() - state["looked"] > 1:
                state["looked"] = time.monotonic()
                job = request(watch, "GET", "/api/jobs")["jobs"][0]
                state["going"] = job["state"] in ("queued", "running")
            return state["going"]

        busy = row("while it trains", measure(connection, 600, going))
        print(f"the job took {time.monotonic() - begun:.0f} s; "
              f"p50 ×{busy[0] / idle[0]:.2f}, p99 ×{busy[1] / idle[1]:.2f}")
        server.kill()
        server.wait()


if __name__ == "__main__":
    main()
