"""What it costs to cut a large table: time and memory of the cut, and of the files of a leg.

python benchmarks/splits.py --bytes 1000000000       writes benchmarks/results/splits.json

Each case runs in a process of its own, on a CSV of rows of about 90 bytes: plain, with a quoted text in every row that
has a line end in it, by groups (100,000 of them), by time, and packed with gzip. "cut" looks through all rows, checks
them and decides where each goes; "leg" writes a file to train on and one slice; "next leg" the same for the next split
seed. A promise: cut and first leg of a plain table of 1 GB in under 60 s, in under 200 MiB; by processor time, because
one process does it and whatever else runs only adds to the clock. `load`: what else ran.
"""

import argparse
import gzip
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from machine import header, print_table, write_record

RESULT = Path(__file__).parent / "results" / "splits.json"
LIMIT_S_OF_GB, LIMIT_BYTES = 60.0, 200 << 20
WORDS = (
    "lorem",
    "ipsum",
    "dolor",
    "sit",
    "amet",
    "consectetur",
    "adipiscing",
    "elit",
    "sed",
    "do",
    "eiusmod",
    "tempor",
)
SPLITS: Mapping[str, Mapping[str, Any]] = {
    "plain": {"by": "rows"},
    "quoted": {"by": "rows"},
    "groups": {"by": "groups", "column": "user"},
    "time": {"by": "time", "column": "at", "gap": "1h"},
    "gzip": {"by": "rows"},
}


def main() -> None:
    """Run the study and write its record."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bytes", type=int, default=1_000_000_000, help="of the plain table")
    parser.add_argument("--other-bytes", type=int, default=200_000_000, help="of each other one")
    parser.add_argument("--out", type=Path, default=RESULT)
    parser.add_argument("--folder", type=Path, help="where the tables are written; by default a temporary folder")
    parser.add_argument("--case", nargs=3, metavar=("NAME", "TABLE", "FOLDER"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.case:
        print(json.dumps(cut_once(SPLITS[given.case[0]], Path(given.case[1]), Path(given.case[2]))))
        return
    folder = Path(tempfile.mkdtemp(prefix="retuned-splits-", dir=given.folder))
    try:
        rows = [
            {"case": name, **measured(name, folder, given.bytes if name == "plain" else given.other_bytes)}
            for name in SPLITS
        ]
    finally:
        shutil.rmtree(folder)
    plain = rows[0]
    limit_s = LIMIT_S_OF_GB * given.bytes / 1e9
    is_within = plain["cut_cpu_s"] + plain["leg_cpu_s"] < limit_s and plain["peak_bytes"] < LIMIT_BYTES
    record = header(f"python benchmarks/splits.py --bytes {given.bytes} --other-bytes {given.other_bytes}")
    record |= {
        "load": os.getloadavg()[0],
        "cases": rows,
        "limit_s": limit_s,
        "limit_bytes": LIMIT_BYTES,
        "is_within": is_within,
    }
    print_table("cutting a table", rows)
    write_record(given.out, record)
    sys.exit(0 if is_within else 1)


def measured(name: str, folder: Path, size: int) -> dict[str, Any]:
    """What one case costs, in a process of its own."""
    table = folder / ("rows.csv.gz" if name == "gzip" else "rows.csv")
    write_table(table, size, is_quoted=name == "quoted")
    command = [sys.executable, __file__, "--case", name, str(table), str(folder / "campaign")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    shutil.rmtree(folder / "campaign")
    table.unlink()
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def cut_once(split: Mapping[str, Any], table: Path, folder: Path) -> dict[str, Any]:
    """Cut the table and write the files of two legs; seconds, and the most memory that the process had."""
    from retuned.daemon.config.model_tables import DataTable
    from retuned.daemon.training.splits.split_files import open_splits
    from retuned.strategies.records import LegRequest, Purpose, Role

    def leg(number: int) -> LegRequest:
        return LegRequest(
            name=f"leg{number}", trial="leg", purpose=Purpose.CONFIRM, configuration={}, seed=1,
            split_seed=4096 + number, from_step=0, to_step=1, role=Role.INCUMBENT, number=number,
        )  # fmt: skip

    data = DataTable.model_validate({"path": str(table), "split": dict(split)})
    assert data.split is not None
    before_bytes = _peak_bytes()
    times, cpu = [time.monotonic()], [time.process_time()]
    files = open_splits(data, data.split, table, folder, 32, lambda: None)
    times.append(time.monotonic())
    cpu.append(time.process_time())
    for number in range(2):
        files.files_for(leg(number))
        times.append(time.monotonic())
        cpu.append(time.process_time())
    cut_s, leg_s, next_s = (round(end - start, 2) for start, end in pairwise(times))
    cut_cpu_s, leg_cpu_s, _ = (round(end - start, 2) for start, end in pairwise(cpu))
    rows = int(files.sentence.split(": ")[1].split(" rows")[0].replace(",", ""))
    return {
        "bytes": table.stat().st_size, "training_rows": rows, "cut_s": cut_s, "leg_s": leg_s, "next_leg_s": next_s,
        "cut_cpu_s": cut_cpu_s, "leg_cpu_s": leg_cpu_s,
        "peak_bytes": _peak_bytes(), "peak_bytes_before": before_bytes,
    }  # fmt: skip


def write_table(path: Path, size: int, *, is_quoted: bool) -> None:
    """A CSV of about `size` bytes unpacked, in blocks that repeat with other numbers at their front."""
    with gzip.open(path, "wb", compresslevel=1) if path.suffix == ".gz" else path.open("wb") as file:
        file.write(b"id,user,at,x,y,text\n")
        written = 0
        for block in _blocks(is_quoted):
            file.write(block)
            written += len(block)
            if written >= size:
                return


def _blocks(is_quoted: bool) -> Iterator[bytes]:
    generator = random.Random(0)
    between = "\n" if is_quoted else " "
    texts = [between.join(generator.choices(WORDS, k=8)) for _ in range(997)]
    texts = [f'"{text}"' for text in texts] if is_quoted else texts
    row = 0
    while True:
        lines = []
        for _ in range(20_000):
            day, minute = divmod(row // 40, 1440)
            at = (
                f"{2000 + day // 336}-{1 + day % 336 // 28:02d}-{1 + day % 28:02d} {minute // 60:02d}:{minute % 60:02d}"
            )
            lines.append(f"{row},u{row * 7919 % 100_000},{at},{generator.random():.6f},{row % 2},{texts[row % 997]}\n")
            row += 1
        yield "".join(lines).encode()


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    main()
