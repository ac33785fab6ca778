"""Prints the figures as tables, and compares them with the bars."""

from figures import ACCURACIES, MEMORY_EPOCHS, soonest

CPU_SHARE, GPU_SHARE = 0.8, 1.0
GPU_SECONDS = {0.99: 1, 0.995: 5}
GPU_BUSY = 0.8
OTHERS = 0.1


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
        ("  lowest and highest round", spread),
        ("  × PyTorch", lambda of: number(base and of["images_per_second"] / base, 2)),
        ("an epoch of 55,000, s", lambda of: number(of["epoch_seconds"], 1)),
        *((f"{accuracy * 100:g} % of the held-back examples, s (epochs of that run)", to(accuracy)) for accuracy in ACCURACIES),
        ("test set after the longest run", last),
        ("first step, cold, from starting the process, s", lambda of: number(of["cold"]["whole"], 2)),
        ("  the step itself, ms", lambda of: number(1000 * of["cold"]["itself"])),
        ("first step, warm, from starting the process, s", lambda of: number(of["warm"]["whole"], 2)),
        ("  the step itself, ms", lambda of: number(1000 * of["warm"]["itself"])),
        ("a later step, ms", lambda of: number(1000 * of["step_seconds"], 1)),
        ("other programs' share of the cores", lambda of: "–" if of["others"] is None else f"{of['others']:.0%}"),
        ("peak memory, MiB", lambda of: number(of["peak_mib"])),
    ]
    if any(of["card_mib"] is not None for of in figures.values()):
        rows.append(("peak GPU memory, MiB", lambda of: number(of["card_mib"])))
        rows.append(("GPU busy", lambda of: "–" if of["busy"] is None else f"{of['busy']:.0%}"))
    table(title, ["", *figures], [[name, *map(cell, figures.values())] for name, cell in rows])


def bars(kind, figures, memories):
    """Each bar: whether it is met (None: not measured), its description, the measurement."""
    ours = {name: of for name, of in figures.items() if of["ours"]}
    peers = {name: of for name, of in figures.items() if not of["ours"] and "compiled" not in name}
    found = []
    if not ours and not memories:
        found.append((False, f"{kind}: Glyphic trains here", "it does not: its errors are above"))
    if ours and peers:
        name, best = max(ours.items(), key=lambda item: item[1]["images_per_second"])
        others = max((of["others"] or 0) for of in [*ours.values(), *peers.values()])
        alone = others <= OTHERS
        note = "" if alone else f"; neither passed nor missed: other programs had {others:.0%} of the cores"
        found.append(speed_bar(kind, name, best, peers, alone, note))
        if kind == "GPU":
            found += gpu_bars(best, alone)
    return found + memory_bars(kind, memories)


def speed_bar(kind, name, best, peers, alone, note):
    share = lambda of: best["images_per_second"] / of["images_per_second"]
    (peer, base), *more = peers.items()
    need = GPU_SHARE if kind == "GPU" else CPU_SHARE
    measured = f"{share(base):.2f} x ({name})" + "".join(f"; {share(of):.2f} x {other}" for other, of in more)
    return share(base) >= need if alone else None, f"{kind}: at least {need} x {peer}'s img/s", measured + note


def gpu_bars(best, alone):
    found = []
    for accuracy, seconds in GPU_SECONDS.items():
        bar = f"GPU: {accuracy * 100:g} % of the held-back examples in under {seconds} s of warm training"
        to = soonest(best, accuracy)
        if not best["runs"]:
            found.append((None, bar, "not measured"))
        else:
            met = bool(to) and to[0] < seconds
            found.append((met if alone else None, bar, f"{to[0]:.2f} s, of {to[1]} epochs" if to else "not reached"))
    busy = best["busy"]
    found.append((None if busy is None else busy >= GPU_BUSY, f"GPU busy at least {GPU_BUSY:.0%} of the time",
                  "not measured" if busy is None else f"{busy:.0%}"))
    return found


def memory_bars(kind, memories):
    found = []
    for name, of, _ in filter(lambda memory: memory[2], memories):
        for place, one in of.items():
            if place == "card" and one is None and kind != "GPU":
                continue
            measured = one and f"{one['early']:,.0f} then {one['late']:,.0f} MiB, at most {one['most']:,.0f}"
            bar = f"{name}: flat memory over {MEMORY_EPOCHS} epochs ({place})"
            found.append((one and one["flat"], bar, measured or "not measured"))
    return found
