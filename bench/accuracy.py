#!/usr/bin/env python3
"""What checkpoints are worth beside the bars, a line each: pass, missed, or – for not measured.

    cargo build --release -p glyphic-train && bench/accuracy.py [ID ...] [--network large] [--handwriting FOLDER]
    bench/accuracy.py --seeds 1,2,3,4,5 --network large -- --epochs 12

Without an ID or --seeds it measures the promoted checkpoint. With --seeds it trains one for each
first, in a temporary folder; what stands after -- goes to `train`. MNIST's bar is that of --network,
small's without. Bars hold for the mean, with the standard deviation behind it.

The handwriting (by default ../shared/handwriting beside the checkout) has pen_digits.jsonl and
pen_letters.jsonl, with a label, a source and strokes per line, and images.csv, with a file and a
label per line.
Nothing is trained on it. Of the letters those that may as well be digits are left out.

Exits with 1 if a bar is missed.
"""

import argparse
import csv
import json
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = ROOT / "target/release/trainer"
LOOK_ALIKES = "oOlIizZsSqgbB"
MNIST = {"small": 0.9970, "large": 0.9975}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    parser.add_argument("ids", nargs="*", metavar="ID")
    parser.add_argument("--seeds", type=lambda text: text.split(","), default=[])
    parser.add_argument("--network", default="small")
    parser.add_argument("--artifacts", type=pathlib.Path, default=ROOT / "artifacts")
    parser.add_argument("--handwriting", type=pathlib.Path, default=ROOT.parent / "shared/handwriting")
    own = sys.argv[1:]
    more = own[own.index("--") + 1 :] if "--" in own else []
    options = parser.parse_intermixed_args(own[: own.index("--")] if "--" in own else own)
    if options.seeds and options.ids:
        parser.error("give IDs, or --seeds to train them")
    if more and not options.seeds:
        parser.error("what stands after -- is for training: it needs --seeds")

    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        artifacts = work / "artifacts"
        (artifacts / "datasets").mkdir(parents=True)
        (artifacts / "datasets/mnist").symlink_to(ROOT / "artifacts/datasets/mnist")
        ids = options.ids or [(options.artifacts / "CURRENT").read_text().split()[0]]
        # Reports go into a copy, so that the measured checkpoints do not change.
        for id in [] if options.seeds else ids:
            shutil.copytree(options.artifacts / "checkpoints" / id, artifacts / "checkpoints" / id)
        if options.seeds:
            ids = [train(artifacts, seed, options.network, more) for seed in options.seeds]
        sets = handwriting(options.handwriting, work)
        found = [measure(artifacts, id, sets) for id in ids]
        rows = list(bars(found, options.network))

    print(f"{len(ids)} checkpoint(s): {', '.join(ids)}\n")
    wide = max(len(bar) for _, bar, _ in rows)
    for met, bar, measured in rows:
        print(f"{'–' if met is None else 'pass' if met else 'missed':<6}  {bar:<{wide}}  {measured}")
    sys.exit(any(met is False for met, _, _ in rows))


def run(artifacts, *arguments):
    """What `train` says: its output, or its errors and the end."""
    command = [str(PROGRAM), *map(str, arguments), "--artifacts", str(artifacts)]
    done = subprocess.run(command, text=True, capture_output=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stderr or done.stdout}")
    return done.stdout + done.stderr


def train(artifacts, seed, network, more):
    print(f"training {network}, seed {seed} …", file=sys.stderr)
    said = run(artifacts, "--seed", seed, "--network", network, *more)
    return re.search(r"Checkpoint (\S+?),? ", said)[1]


def handwriting(folder, work):
    """The handwriting as `train eval --data` takes it, by name; none if it is not there."""
    if not folder.is_dir():
        print(f"{folder} is not there: nothing is measured on real handwriting", file=sys.stderr)
        return {}
    lines = (folder / "pen_digits.jsonl").read_text().splitlines()
    sets = {"pen": folder / "pen_digits.jsonl", "letters": work / "letters.jsonl", "pictures": work / "pictures"}
    for source in ("chars74k", "pendigits"):
        sets[source] = work / f"{source}.jsonl"
        sets[source].write_text("\n".join(line for line in lines if json.loads(line)["source"] == source))
    letters = (folder / "pen_letters.jsonl").read_text().splitlines()
    sets["letters"].write_text("\n".join(line for line in letters if json.loads(line)["label"] not in LOOK_ALIKES))
    for row in csv.DictReader((folder / "images.csv").open()):
        if len(row["text"]) == 1:
            of_label = sets["pictures"] / row["text"]
            of_label.mkdir(parents=True, exist_ok=True)
            shutil.copy(folder / row["file"], of_label / pathlib.Path(row["file"]).name)
    return sets


def measure(artifacts, id, sets):
    """The cards of a checkpoint: MNIST's test set, and each set of handwriting."""
    print(f"measuring {id} …", file=sys.stderr)
    run(artifacts, "eval", id, "--quick")
    of = artifacts / "checkpoints" / id
    # It is called otherwise if the checkpoint learned from other data.
    reports = sorted(of.glob("report*.json"), key=lambda report: report.stat().st_mtime)
    cards = {"mnist": json.loads(reports[-1].read_text())}
    thresholds = json.loads((of / "manifest.json").read_text()).get("thresholds", {})
    # Named `known` in manifests made before 2026-11-28.
    rejects = thresholds.get("in_distribution", thresholds.get("known", 0)) > 0
    for name, path in sets.items():
        if name == "letters" and not rejects:
            continue
        run(artifacts, "eval", id, "--quick", "--data", path)
        cards[name] = json.loads((of / f"report-{path.stem}.json").read_text())
    return cards


def bars(found, network):
    """Each bar: whether it is met, the bar, what was measured."""

    def row(bar, name, figure, least=None, most=None):
        if any(name not in cards for cards in found):
            nothing = name == "letters" and "pen" in found[0]
            return (False, bar, "none: it rejects nothing") if nothing else (None, bar, "not measured")
        figures = [figure(cards[name]) for cards in found]
        mean = statistics.mean(figures)
        met = None if least is most is None else mean >= least if most is None else mean <= most
        deviation = f" ± {statistics.stdev(figures):.2%} ({len(figures)} seeds)" if len(figures) > 1 else ""
        return met, bar, f"{mean:.2%}{deviation}"

    accuracy = lambda card: card["score"]["accuracy"]
    calibration = lambda card: card["calibration_error"]
    share = lambda verdicts, kind: verdicts[kind] / max(1, sum(verdicts.values()))
    accepted = lambda card: 1 - share(card["verdicts"], "not_a_digit")

    def rejected(card, kind=""):
        of = [negatives["verdicts"] for negatives in card["negatives"] if kind in negatives["name"]]
        return sum(one["not_a_digit"] for one in of) / max(1, sum(sum(one.values()) for one in of))

    bar = MNIST.get(network)
    yield row(f"MNIST's test set{f': at least {bar:.2%}' if bar else ''}", "mnist", accuracy, bar)
    yield row("MNIST: calibration error at most 0.3 %", "mnist", calibration, most=0.003)
    yield row("scribbles rejected: at least 95 %", "mnist", lambda card: rejected(card, "scribbles"), 0.95)
    yield row("chars74k, by strokes: at least 99 %", "chars74k", accuracy, 0.99)
    yield row("pendigits, by strokes: at least 98 %", "pendigits", accuracy, 0.98)
    yield row("pictures of single digits: at least 97 %", "pictures", accuracy, 0.97)
    yield row("pen digits: calibration error at most 2 %", "pen", calibration, most=0.02)
    yield row("pen digits accepted: at least 99 %", "pen", accepted, 0.99)
    yield row("letters rejected: at least 90 %", "letters", rejected, 0.9)


if __name__ == "__main__":
    main()
