#!/usr/bin/env python3
"""How long a promotion takes to reach another server that shares the registry.

Two servers and an S3 server (rclone's, from server/tests/object_stores) on this machine; one
is told to promote, the other is asked what reads, every 20 ms.

    cargo build --release && bench/shared.py
"""

import json
import os
import socket
import statistics
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
SERVER = TARGET / "release/server"
URL = "s3://glyphic/registry"
TIMES = 20
# What "within seconds" is taken to mean.
SECONDS = 3


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def ask(address, path, method="GET"):
    request = urllib.request.Request(address + path, method=method)
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def main():
    programs = subprocess.run(
        [ROOT / "server/tests/object_stores/install"], check=True, capture_output=True, text=True
    ).stdout.strip()
    folder, port = Path(tempfile.mkdtemp()), free_port()
    (folder / "objects/glyphic").mkdir(parents=True)
    children = []
    environment = os.environ | {
        "AWS_ENDPOINT": f"http://127.0.0.1:{port}",
        "AWS_ALLOW_HTTP": "true",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
    }

    def start(*command, **options):
        child = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL, text=True, **options)
        children.append(child)
        return child

    try:
        start(f"{programs}/rclone", "serve", "s3", "--auth-key", "key,secret",
              "--addr", f"127.0.0.1:{port}", folder / "objects")  # fmt: skip
        time.sleep(2)
        ids = sorted(path.name for path in (ROOT / "artifacts/checkpoints").iterdir() if path.name[0] != ".")
        for checkpoint in ids[:2]:
            push = [SERVER, "push", checkpoint, "--to", URL, "--artifacts", ROOT / "artifacts"]
            subprocess.run(push, check=True, env=environment, stdout=subprocess.DEVNULL)
        addresses = []
        for name in ("a", "b"):
            server = start(SERVER, "--addr", "127.0.0.1:0", "--device", "cpu", "--artifacts", URL,
                           "--artifacts-copy", folder / name, stdout=subprocess.PIPE)  # fmt: skip
            addresses.append(server.stdout.readline().split()[-1])
        here, there, seconds = [], [], []
        for i in range(TIMES):
            promoted = ids[(i + 1) % 2]
            begun = time.perf_counter()
            ask(addresses[0], f"/api/models/{promoted}/promote?force=1", "POST")
            here.append(time.perf_counter() - begun)
            while ask(addresses[1], "/api/models")["current"] != promoted:
                time.sleep(0.02)
            there.append(time.perf_counter() - begun)
            time.sleep(0.37)
        for name, seconds in (("answered", here), ("serves on the other server", there)):
            print(f"{name}: median {statistics.median(seconds):.2f} s, longest {max(seconds):.2f} s of {TIMES}")
        verdict = "pass" if max(there) <= SECONDS else "FAIL"
        print(f"{verdict}  a promotion reaches the other server within {SECONDS} s")
    finally:
        for child in children:
            child.kill()


main()
