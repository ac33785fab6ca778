#!/usr/bin/env python3
"""Time from the server binary's start to its first prediction, seven times.

    cargo build --release && bench/startup.py
"""

import json
import pathlib
import statistics
import subprocess
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
SERVER = [ROOT / "target/release/server", "--device", "cpu", "--addr", "127.0.0.1:9191"]
SEVEN = json.dumps({"strokes": [[[10, 12], [40, 10], [72, 11], [60, 45], [48, 80], [40, 110]]]})


def first_prediction() -> float:
    server = subprocess.Popen(SERVER, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    begun = time.perf_counter()
    request = urllib.request.Request(
        "http://127.0.0.1:9191/api/predict", SEVEN.encode(), {"Content-Type": "application/json"}
    )
    try:
        while server.poll() is None:
            try:
                assert json.load(urllib.request.urlopen(request))["label"] == "7"
                return time.perf_counter() - begun
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.001)
        raise SystemExit("the server ended; is port 9191 taken?")
    finally:
        server.kill()
        server.wait()


times = [first_prediction() for _ in range(7)]
print("ms:", *(round(1000 * t) for t in times))
print(f"median: {1000 * statistics.median(times):.0f} ms")
