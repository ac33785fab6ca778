"""The figures of each variant, measured over several runs."""

import statistics
import sys

from processes import Failed

ACCURACIES = [0.99, 0.995, 0.997]
HELD_BACK = 1 / 12
EXAMPLES = 55_000  # of MNIST, without those held back
ROUNDS = 3
GROWTH, MEMORY_EPOCHS, MEMORY_EXAMPLES = 1.1, 50, 2000


def first_step(work, variant, home):
    """Seconds from the process's start to the end of its first step, and of that step itself."""
    # As many pictures as leave one batch after some are held back.
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
    """The figures of each variant, by its name. Variants that cannot train are removed from `variants`."""
    homes, found = first_steps(work, variants, 1 if quick else ROUNDS)
    count, epochs = (12_000, 2) if quick else (None, 3)
    for number in range(ROUNDS):
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
    figures = {variant.name: summary(variant, of, work.options.batch_size) for variant, of in found.items()}
    for epochs in schedules:
        for variant in fastest(variants, figures):
            figures[variant.name]["runs"].append(whole_run(work, variant, homes[variant], epochs))
    return figures


def first_steps(work, variants, rounds):
    """Cold and warm first steps of each variant, with places for its other figures; and the home
    folders with its kernel caches. A program that cannot train here (no driver, no compiler) is left out."""
    homes, found = {}, {}
    for variant in list(variants):
        of = {key: [] for key in ("cold", "warm", "speeds", "peaks", "others", "card", "busy")}
        try:
            for _ in range(rounds):
                homes[variant] = work.home()
                of["cold"].append(first_step(work, variant, homes[variant]))
                of["warm"].append(first_step(work, variant, homes[variant]))
            found[variant] = of
        except Failed as error:
            print(f"{variant.name} is left out: {error}\n", file=sys.stderr)
            variants.remove(variant)
    return homes, found


def summary(variant, of, batch):
    """A variant's figures over the rounds."""
    speed = statistics.median(of["speeds"])
    known = lambda values: statistics.median(values) if None not in values else None
    return {
        "ours": variant.ours, "images_per_second": speed, "speeds": of["speeds"], "epoch_seconds": EXAMPLES / speed,
        "cold": medians(of["cold"]), "warm": medians(of["warm"]), "step_seconds": batch / speed,
        "peak_mib": max(of["peaks"]), "card_mib": known(of["card"]), "busy": known(of["busy"]),
        "others": max(of["others"]) if None not in of["others"] else None, "runs": [],
    }


def whole_run(work, variant, home, epochs):
    """A run over all of MNIST: the seconds to each accuracy, and the accuracy at its end."""
    print(f"{epochs} epochs: {variant.name} …", end="", flush=True, file=sys.stderr)
    run = work.train(variant, home, epochs)
    print(f" {run.validation():.2%} of the held-back examples, {run.test:.2%} of the test set", file=sys.stderr)
    return {
        "epochs": epochs, "seconds": run.epochs[-1]["seconds"], "validation": run.validation(), "test": run.test,
        "to": {accuracy: run.seconds_to(accuracy) for accuracy in ACCURACIES},
    }


def fastest(variants, figures):
    """The faster of ours and the faster of PyTorch."""
    of = lambda ours: [variant for variant in variants if variant.ours == ours]
    speed = lambda variant: figures[variant.name]["images_per_second"]
    return [max(some, key=speed) for some in (of(True), of(False)) if some]


def soonest(figures, accuracy):
    """The fewest seconds to an accuracy, and how many epochs that run had; None if no run reached it."""
    found = [(run["to"][accuracy], run["epochs"]) for run in figures["runs"] if run["to"][accuracy] is not None]
    return min(found, default=None)


def memory(work, variant, home):
    """Memory over many epochs: of the process, and of the GPU if there is one."""
    run = work.train(variant, home, MEMORY_EPOCHS, MEMORY_EXAMPLES, sample=0.05)
    first, last = run.ends_of_epochs()
    host = [mib for at, mib in run.process.samples if first <= at <= last]
    card = [used - run.card.samples[0][1] for at, used, _ in run.card.samples if first <= at - run.process.begun <= last]
    return {"host": grown(host), "card": grown(card) if card else None}


def grown(samples):
    """The second tenth of the samples and the last, because in the first tenth memory is still
    filling up. None if there are too few samples."""
    if len(samples) < 20:
        return None
    tenth = len(samples) // 10
    early, late = statistics.median(samples[tenth : 2 * tenth]), statistics.median(samples[-tenth:])
    return {"early": early, "late": late, "most": max(samples), "samples": len(samples), "flat": late <= GROWTH * early}
