"""What geodata takes, measured in one run: streets beside OSMnx, matrices, snapping, GCJ-02, zonal sums, screening.

    python -m tests.benchmarks.geodata_figures --out docs/measurements.md [--extract FILE.osm.pbf]

Every benchmark is a process of its own. Without an extract (default: porto_alegre/poa_osm.pbf below RECYNET_DATA) the
street figures are left out with a word. Exit code 1 where a benchmark finds something wrong.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.benchmarks.bundled import ROOT, Row, machine, with_rows

BEGIN, END = "<!-- geodata: begin -->", "<!-- geodata: end -->"
EXTRACT = Path("porto_alegre") / "poa_osm.pbf"


def asked(module: str, folder: Path, *words: str) -> tuple[Any, bool]:
    """What a benchmark writes, and whether it found everything right. RuntimeError where it wrote nothing."""
    out = folder / f"{module}.json"
    code = subprocess.run([sys.executable, "-m", f"tests.benchmarks.{module}", *words, "--out", str(out)], cwd=ROOT,
                          check=False).returncode
    if not out.is_file():
        raise RuntimeError(f"tests.benchmarks.{module} ended with exit code {code}")
    return json.loads(out.read_text(encoding="utf-8")), code == 0


def street_rows(figures: Mapping[str, float]) -> Iterator[Row]:
    """The figures of streets.py with their bars."""
    def row(what: str, bar: str, value: float, form: str) -> Row:
        return Row(what, bar, form.format(value), "python -m tests.benchmarks.streets")

    graph = "labelled truck graph"
    yield row("streets: .pbf to labelled truck graph, CPU", "", figures[f"{graph}: cpu_s"], "{:.2f} s")
    yield row("streets: the same, peak memory", "600 MB or less", figures[f"{graph}: peak_mb"], "{:.0f} MB")
    for called in ("OSMnx, all streets", "OSMnx, driven streets"):
        yield row(f"streets: faster than {called}", "20 times", figures[f"{called}: {graph} is faster than it"],
                  "{:.1f} times")
    for engine in ("hierarchy", "labels"):
        yield row(f"1000 x 1000 matrix for a truck, `{engine}`: faster than scipy after ordering",
                  "10 times, the better engine", figures[f"{engine}: times faster than scipy after ordering"],
                  "{:.1f} times")
        yield row(f"the same, `{engine}`: cells that differ of 1,000,000", "0",
                  figures[f"{engine}: cells that differ of 1,000,000"], "{:.0f}")
        yield row(f"one more class and hour, `{engine}`: share of ordering and first", "5 %",
                  figures[f"{engine}: further metric of ordering and first"], "{:.1f} %")
    yield row("100,000 places snapped, CPU", "1.5 s", figures["100,000 places snapped, index built"], "{:.2f} s")
    yield row("the same: not on the strongly connected part", "0", figures["places not on the strongly connected part"],
              "{:.0f}")
    yield row("GCJ-02, a million points there and back, CPU", "1.5 s",
              figures["GCJ-02: a million points there"] + figures["GCJ-02: and back"], "{:.2f} s")
    yield row("the same: largest error", "1 mm", figures["GCJ-02: largest error"], "{:.4f} mm")


def zonal_rows(sums: Sequence[Mapping[str, float]]) -> Iterator[Row]:
    """The figures of zonal.py with their bars."""
    command = "python -m tests.benchmarks.zonal"
    for row in sums:
        what = f"zonal sums, {row['zones']:,.0f} zones on {row['cells']:,.0f} cells"
        yield Row(f"{what}, CPU", "", f"{row['seconds']:.2f} s", command)
        yield Row(f"{what}: zones wrongly empty; error of the total", "0; 1e-6",
                  f"{row['empty_zones']:.0f}; {row['total_error_share']:.0e}", command)


def screening_rows(found: Mapping[str, Any]) -> Iterator[Row]:
    """The figures of screening.py; the bar is that of the plain rules."""
    for number, row in enumerate(found["rows"]):
        what = f"screening {row['parcels']:,} parcels against {row['exclusions']:,} exclusions, {row['case']}, CPU"
        yield Row(what, "" if number else "1 s", f"{row['cpu_seconds']:.2f} s", "python -m tests.benchmarks.screening")


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="page whose table is rewritten")
    parser.add_argument("--extract", type=Path, help="streets to measure on")
    wanted = parser.parse_args(arguments)
    data = os.environ.get("RECYNET_DATA")
    extract = wanted.extract or (Path(data) / EXTRACT if data else None)
    where, rows, right = machine(), [], True
    with tempfile.TemporaryDirectory() as folder:
        if extract is not None and extract.is_file():
            found, good = asked("streets", Path(folder), "--data", str(extract))
            rows += street_rows({figure["what"]: figure["value"] for figure in found["figures"]})
            right &= good
        else:
            print("streets are not measured: RECYNET_DATA is not set, and no --extract is given", file=sys.stderr)
        found, good = asked("zonal", Path(folder))
        rows += zonal_rows(found)
        right &= good
        found, good = asked("screening", Path(folder))
        rows += screening_rows(found)
        right &= good
    page = wanted.out.read_text(encoding="utf-8") if wanted.out.is_file() else ""
    date = datetime.now(UTC).strftime("%Y-%m-%d")
    wanted.out.write_text(with_rows(page, rows, date, where, BEGIN, END), encoding="utf-8")
    print("\n".join(f"{row.what}: {row.figure} (bar: {row.bar or '-'})" for row in rows))
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
