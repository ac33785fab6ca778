#!/usr/bin/env bash
# Measures training on a GPU: time to the first epoch, img/s, time to 98, 99 and
# 99.5 % on the validation examples, and memory over 20 epochs.
#
#   bench/gpu.sh [gpu|gpu:N|cpu]
#
# Kernels are compiled and tuned anew in each run: nothing of them is kept. Memory is the process's own and,
# with an NVIDIA driver, the card's.
set -euo pipefail
cd "$(dirname "$0")/.."
device=${1:-gpu}
epochs=${EPOCHS:-20}
program=$PWD/target/release/trainer
[ -x "$program" ] || cargo build --release -p glyphic-train
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/artifacts/datasets"
ln -s "$PWD/artifacts/datasets/mnist" "$work/artifacts/datasets/mnist"

"$program" devices --device "$device"

run() { # name, epochs
  (cd "$work" && "$program" --device "$device" --epochs "$2" --artifacts artifacts) \
    2>"$work/$1.log" &
  local pid=$! begun first="" card=""
  begun=$(date +%s.%N)
  : >"$work/$1.memory"
  while kill -0 "$pid" 2>/dev/null; do
    if [ -z "$first" ] && compgen -G "$work/artifacts/runs/*/metrics.jsonl" >/dev/null \
      && [ -s "$(compgen -G "$work/artifacts/runs/*/metrics.jsonl" | head -1)" ]; then
      first=$(date +%s.%N)
      echo epoch >>"$work/$1.memory"
    fi
    if command -v nvidia-smi >/dev/null; then
      card=$(nvidia-smi --query-gpu=memory.used --format=csv,noheader,nounits | head -1)
    fi
    # The process may end between the two looks.
    awk -v card="$card" '/VmRSS/ {print int($2 / 1024), card}' "/proc/$pid/status" \
      >>"$work/$1.memory" 2>/dev/null || true
    sleep 0.2
  done
  wait "$pid" || { cat "$work/$1.log"; exit 1; }
  echo "$1: first epoch after $(echo "${first:-$(date +%s.%N)} - $begun" | bc) s"
  awk '/epoch/ {after = 1; next} after == 1 {a = $0; after = 2} {z = $0; if ($1 > m) m = $1}
       END {print "  memory in MiB (process, card): after the first epoch " a ", at the end " z ", process peak " m}' \
    "$work/$1.memory"
}

run short 1
run long "$epochs"
metrics=$(ls -t "$work"/artifacts/checkpoints/*/metrics.jsonl | head -1)
python3 - "$metrics" <<'PYTHON'
import json, statistics, sys
epochs = [json.loads(line) for line in open(sys.argv[1])]
print(f"img/s: median {statistics.median(e['images_per_second'] for e in epochs):.0f}")
for bar in (0.98, 0.99, 0.995):
    hit = next((e for e in epochs if e["validation"]["accuracy"] >= bar), None)
    print(f"{bar:.1%} of the validation examples: "
          + (f"{hit['seconds']:.1f} s, epoch {hit['epoch']}" if hit else "not reached"))
PYTHON
