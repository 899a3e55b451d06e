"""Fused caviar side by side with the plain loop, Optuna and Ray Tune, on one machine in one run.

    python benchmarks/caviar.py --out benchmarks/results/caviar.json      about 25 minutes on two idle cores
    python benchmarks/caviar.py --quick                                   a few minutes: fewer epochs, one repeat
    python benchmarks/caviar.py --only gpu                                on a machine with a GPU

The job: scikit-learn's digits, a perceptron 64-128-10, SGD with momentum, batches of 64, 20 epochs, 32 random
configurations. What counts are the ratios: all sides run one after another, again and again, medians are taken. With
--only a part replaces its own rows in the file; each says how busy the machine was (load).
Needs the extra `bench`; a tool that is not installed is left out with a line that says so.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from caviar_fused import FORCED, Campaign, Pair, chosen, fuse, gemm_peak, plain_rate, products_of
from caviar_jobs import EPOCHS, configurations, steps_of
from caviar_peers import PEERS, is_there, plain_loop
from machine import header, print_table, write_record

Row = dict[str, Any]
RESULTS = Path(__file__).parent / "results"
TRIALS = 32


def main() -> None:
    """Run the parts, print and write what came out."""
    options = _options()
    torch.set_num_threads(1)
    parts: dict[str, Callable[[argparse.Namespace], list[Row]]] = {
        "core": core, "tools": tools, "sizes": sizes, "layers": layers,
        "overhead": overhead, "campaign": campaign, "gpu": gpu,
    }  # fmt: skip
    record: Row = json.loads(options.out.read_text()) if options.only and options.out.exists() else {}
    for name, part in parts.items():
        if options.only in (name, None):
            load, started = os.getloadavg()[0], time.perf_counter()
            rows = part(options)
            print_table(name, rows)
            record[name] = {"load": load, "seconds": round(time.perf_counter() - started, 1), "rows": rows}
    command = " ".join(["python benchmarks/caviar.py", *(["--quick"] if options.quick else [])])
    write_record(options.out, record | header(command))


def tools(options: argparse.Namespace) -> list[Row]:
    """Trial-steps a second of every side, medians over repeats that take turns."""
    epochs, given = (4, configurations(8)) if options.quick else (EPOCHS, configurations(TRIALS))
    rates: dict[str, list[float]] = {}
    campaign = Campaign("auto")
    with Pair() as pair:
        fuse("Digits", given[:4], 3)
        pair.fuse("Digits", given, epochs)
        for _ in range(options.repeats):
            mine = {
                "fused, one process": lambda: fuse("Digits", given, epochs)[0],
                "fused, two processes": lambda: pair.fuse("Digits", given, epochs),
                "fused, two processes, seeds of their own": lambda: pair.fuse("Digits", given, epochs, "own"),
                "fused, through the spool of a campaign": lambda: campaign.run_warm(given, epochs),
            }
            theirs = {name: peer for name, (peer, package) in PEERS.items() if is_there(package)}
            turns = mine | {name: lambda peer=peer: peer(given, epochs) for name, peer in theirs.items()}  # type: ignore[misc]
            for name, act in turns.items():
                try:
                    rates.setdefault(name, []).append(len(given) * steps_of(epochs) / act())
                except Exception as error:  # Optuna's two processes now and then take the same waiting trial
                    if name in mine:
                        raise
                    print(f"{name}: this turn failed and is left out: {error}", flush=True)
                    continue
                print(f"{name}: {rates[name][-1]:.0f} trial-steps/s", flush=True)
    campaign.close()
    for name, (_, package) in PEERS.items():
        if not is_there(package):
            print(f"!! {name} IS MISSING: {package} is not installed (pip install '.[bench]')")
    medians = {name: statistics.median(found) for name, found in rates.items() if found}
    best = medians["fused, two processes"]
    return [
        {"side": name, "trial_steps_per_s": round(rate), "fused_is_times": round(best / rate, 2)}
        for name, rate in medians.items()
    ]


def core(options: argparse.Namespace) -> list[Row]:
    """The job by the processor's own time, one core on each side: what a machine that is busy still tells."""
    epochs, rows = (4 if options.quick else EPOCHS), []
    for count in (8, 16, 32):
        given = configurations(count)
        fuse("Digits", given, 1)
        fused = [_cpu_s(lambda given=given: fuse("Digits", given, epochs)) for _ in range(3)]  # type: ignore[misc]
        alone = [_cpu_s(lambda given=given: plain_loop(given[:4], epochs)) * count / 4 for _ in range(3)]  # type: ignore[misc]
        steps = count * steps_of(epochs)
        rows.append({
            "trials": count, "fused_trial_steps_per_cpu_s": round(steps / statistics.median(fused)),
            "plain_trial_steps_per_cpu_s": round(steps / statistics.median(alone)),
            "times": round(statistics.median(alone) / statistics.median(fused), 2),
        })  # fmt: skip
    return rows


def sizes(options: argparse.Namespace) -> list[Row]:
    """More trials, and a wide model where arithmetic is the limit: the rate, and its share of the matrix product's."""
    rows = []
    for recipe, width, counts in (("Digits", 128, (8, 32, 128, 512)), ("Wide", 1024, (8, 32))):
        for count in counts[: 1 if options.quick else None]:
            epochs = 4 if options.quick else max(5, 640 // count)
            choice = chosen(recipe, configurations(count), 1000)
            forced = choice if choice.is_fused else FORCED
            seconds = fuse(recipe, configurations(count), epochs, forced)[0]
            loop, peak = plain_rate(recipe, epochs), gemm_peak(1)
            rate = count * steps_of(epochs) / seconds
            rows.append({
                "units": width, "trials": count, "at_once": forced.most, "chosen": choice.why,
                "trial_steps_per_s": round(rate), "times_one_plain_loop": round(rate / loop, 2),
                "share_of_gemm_peak": round(rate * products_of(width) / peak, 3),
                "plain_share_of_peak": round(loop * products_of(width) / peak, 3),
            })  # fmt: skip
    return rows


def layers(options: argparse.Namespace) -> list[Row]:
    """Kinds of layers: fused, whatever would be chosen, against one after another in two processes; and the choice."""
    rows = []
    epochs, given = (2, configurations(8)) if options.quick else (8, configurations(32))
    with Pair() as pair:
        for recipe in ("Digits", "Wide", "Convolutions", "Transformer"):
            pair.fuse(recipe, given, 1)
            pair.loop(recipe, given[:4], 1)
            alone, fused = pair.loop(recipe, given, epochs), pair.fuse(recipe, given, epochs)
            short, long = chosen(recipe, given, epochs), chosen(recipe, given, 1000)
            rows.append({
                "model": recipe, "fused_is_times_two_plain_processes": round(alone / fused, 2),
                "short": short.is_fused, "why_short": short.why, "long": long.is_fused, "why_long": long.why,
            })  # fmt: skip
    return rows


def overhead(options: argparse.Namespace) -> list[Row]:
    """What a trial costs beside its training, workers warm: fused, the time through a campaign's spool beyond that of
    the same trials in two processes; else trials of one batch, a command's beyond the start of its process."""
    epochs, given = (4, configurations(8)) if options.quick else (EPOCHS, configurations(TRIALS))
    desk, found = Campaign("auto"), []
    with Pair() as pair:
        desk.run(given, 1.0)
        pair.fuse("Digits", given, epochs)
        for _ in range(5):
            bare = pair.fuse("Digits", given, epochs)
            found.append(desk.run(given, epochs) - bare)
    desk.close()
    rows = [{"trial": "fused", "trials": len(given), "ms_per_trial": _ms(statistics.median(found), len(given))}]
    command = ("sh", "-c", """echo '{{"step": 1, "metrics": {{"accuracy": 1}}}}'""")
    for name, program in (("warm, alone", None), ("command", command)):
        desk = Campaign("off", program)
        desk.run(given[:8], 1 / steps_of(1))
        seconds = statistics.median(desk.run(given[:8], 1 / steps_of(1)) for _ in range(5))
        desk.close()
        rows.append({"trial": name, "trials": 8, "ms_per_trial": _ms(seconds, 8)})
    started = time.perf_counter()
    for _ in range(20):
        subprocess.run(["sh", "-c", "echo"], stdout=subprocess.DEVNULL)
    rows.append(
        {"trial": "start of that command's process alone", "ms_per_trial": _ms(time.perf_counter() - started, 20)}
    )
    return rows


def _ms(seconds: float, count: int) -> float:
    return round(1000 * seconds / count, 2)


def campaign(options: argparse.Namespace) -> list[Row]:
    """Bike share, five years later: wall time of search and confirmation against what its trials took."""
    from caviar_campaign import bike_share

    with tempfile.TemporaryDirectory() as folder:
        modes = ("auto", "off") if not options.quick else ("auto",)
        return [bike_share(Path(folder) / mode, mode, sys.executable) for mode in modes]


def gpu(options: argparse.Namespace) -> list[Row]:
    """512 trials on a GPU against the plain loop there; the share of the memory's speed that the updates reach."""
    if not torch.cuda.is_available():
        return [{"gpu": "none at hand: not measured"}]
    count, epochs = (64, 1) if options.quick else (512, 5)
    fuse("OnGpu", configurations(count), 1)
    seconds, found, _ = fuse("OnGpu", configurations(count), epochs)
    rate, loop = count * steps_of(epochs) / seconds, plain_rate("OnGpu", 2)
    size = 4 * (64 * 128 + 128 + 128 * 10 + 10)  # bytes of one trial's parameters; read or written 10 times an update
    return [{
        "gpu": torch.cuda.get_device_name(), "trials": count, "fused": len(found.outcomes),
        "trial_steps_per_s": round(rate), "plain_loop": round(loop), "times": round(rate / loop, 1),
        "state_bytes_per_s": round(10 * size * rate), "copy_bytes_per_s": round(_copy_rate()),
    }]  # fmt: skip


def _cpu_s(act: Callable[[], object]) -> float:
    started = time.process_time()
    act()
    return time.process_time() - started


def _copy_rate() -> float:
    """Bytes a second that the GPU reads and writes in a large copy."""
    one = torch.empty(2**28, device="cuda")
    other = torch.empty_like(one)
    torch.cuda.synchronize()
    started = time.perf_counter()
    for _ in range(10):
        other.copy_(one)
    torch.cuda.synchronize()
    return 10 * 2 * one.numel() * 4 / (time.perf_counter() - started)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="smaller, to see that it works")
    parser.add_argument(
        "--only", choices=("core", "tools", "sizes", "layers", "overhead", "campaign", "gpu"), default=None
    )
    parser.add_argument("--repeats", type=int, default=None, help="of the comparison of tools; default 3")
    parser.add_argument("--out", type=Path, default=RESULTS / "caviar.json")
    options = parser.parse_args()
    options.repeats = options.repeats or (1 if options.quick else 3)
    return options


if __name__ == "__main__":
    main()
