"""``python -m tests.bench [NAME...]``: prints each benchmark's tables as they are done, and JSON on request.

Machines differ and are shared: compare figures of one table, and a change against its parent in one sitting.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from tests.bench import machine
from tests.bench.size import Size
from tests.bench.tables import Table, as_markdown

#: Each is a module here with ``tables(size, folder)``, an iterator of ``Table``.
BENCHMARKS = (
    "fidelity",
    "agreement",
    "saturation",
    "cpu",
    "dispatch",
    "memory",
    "storage",
    "export",
    "startup",
    "analysis",
    "report",
    "index",
)


def main() -> int:
    """Exit code 1 where a benchmark could not be run to its end; the others are run all the same."""
    options = _options()
    here = machine.described()
    print(
        ", ".join(f"{key} {value}" for key, value in here.items()) + f"; load {machine.load_averages()}\n", flush=True
    )
    done: dict[str, list[object]] = {}
    failed: list[str] = []
    with tempfile.TemporaryDirectory(prefix="evalharness-bench-") as name:
        for benchmark in options.names or BENCHMARKS:
            done[benchmark] = []
            try:
                for table in _tables(benchmark, options.size, Path(name)):
                    print(as_markdown(table), flush=True)
                    done[benchmark].append(asdict(table))
            except (RuntimeError, OSError) as error:
                failed.append(benchmark)
                print(f"{benchmark}: {error}\n", file=sys.stderr, flush=True)
    if options.json:
        record = {"machine": here, "load_averages_after": machine.load_averages(), "size": options.size.value,
                  "benchmarks": done}  # fmt: skip
        options.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    return bool(failed)


def _tables(benchmark: str, size: Size, folder: Path) -> Iterator[Table]:
    tables: Iterator[Table] = importlib.import_module(f"tests.bench.{benchmark}").tables(size, folder)
    return tables


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"all, or some of {', '.join(BENCHMARKS)}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there as well")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", dest="size", action="store_const", const=Size.QUICK, help="about a minute")
    size.add_argument("--full", dest="size", action="store_const", const=Size.FULL, help="every client at every load")
    parser.set_defaults(size=Size.DEFAULT)
    options = parser.parse_args()
    if unknown := [name for name in options.names if name not in BENCHMARKS]:
        parser.error(f"no benchmark is called {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    return options


if __name__ == "__main__":
    sys.exit(main())
