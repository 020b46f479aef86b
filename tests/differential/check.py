"""Jackstaff against the published Python engine, over random contexts; against the SDK around it, over random documents.

    target/sdk/python/bin/python tests/differential/check.py contexts|documents --jackstaff target/release/jackstaff

Needs the packages of `tests/sdk/python/requirements.txt`. Prints what was compared, how much of it matched, and what the
deliberate differences (`differences.py`) changed. Exit code 1 if anything else differs, each with the smallest context that
shows it, or if something that has to occur never did.
"""

import argparse
import json
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Callable

from comparison import Different, compare, compare_document, shrink
from contexts import context
from coverage import Coverage
from differences import DIFFERENCES, OF_DOCUMENTS
from documents import document
from jackstaff import Jackstaff
from oracle import Trace

Differs = Callable[[dict, Trace], Different]

SHOWN = 5
"""Differences that are shrunk and printed, of each worker."""


@dataclass
class Findings:
    asked: int = 0
    as_published: int = 0
    """Those that met no deliberate difference: the published engine's own result, unchanged."""
    differing: int = 0
    shown: list[str] = field(default_factory=list)
    touched: Counter[str] = field(default_factory=Counter)
    coverage: Coverage = field(default_factory=Coverage)

    def add(self, other: "Findings") -> None:
        self.asked += other.asked
        self.as_published += other.as_published
        self.differing += other.differing
        self.shown += other.shown
        self.touched.update(other.touched)
        self.coverage.add(other.coverage)


def work(numbers: range, what: str, seed: str, program: Path) -> Findings:
    findings = Findings()
    with Jackstaff(program) as jackstaff:
        for number in numbers:
            made, differs = asked(what, seed, number, jackstaff)
            trace = Trace()
            different = differs(made, trace)
            findings.asked += 1
            findings.as_published += not trace.differences
            findings.touched.update(trace.differences)
            findings.coverage.record(trace)
            if different:
                findings.differing += 1
                if len(findings.shown) < SHOWN:
                    findings.shown.append(shown(f"{what} {number}", made, differs))
    return findings


def asked(what: str, seed: str, number: int, jackstaff: Jackstaff) -> tuple[dict, Differs]:
    if what == "contexts":
        return context(seed, number), partial(compare, jackstaff)
    return document(seed, number), partial(compare_document, jackstaff)


def shown(name: str, made: dict, differs: Differs) -> str:
    small = shrink(lambda smaller: differs(smaller, Trace()), made)
    expected, got = differs(small, Trace()) or ("the same, the next time", "")
    return f"{name}: {json.dumps(small)}\n  expected {expected}\n  got      {got}"


def check(what: str, count: int, seed: str, workers: int, program: Path) -> Findings:
    shares = [range(at, count, workers) for at in range(workers)]
    run = partial(work, what=what, seed=seed, program=program)
    if workers == 1:
        return run(shares[0])
    findings = Findings()
    with ProcessPoolExecutor(workers) as pool:
        for part in pool.map(run, shares):
            findings.add(part)
    return findings


def report(what: str, findings: Findings) -> list[str]:
    """Prints what was found; what has to occur and never did."""
    for shown in findings.shown:
        print(shown)
    changed = findings.asked - findings.as_published
    print(f"{findings.asked} {what}, {findings.differing} with an unexplained difference")
    print(f"{findings.as_published} compared with the engine as published, {changed} with it changed by:")
    differences = [d for d in DIFFERENCES if what == "documents" or d.name not in OF_DOCUMENTS]
    for difference in differences:
        print(f"  {findings.touched[difference.name]:7}  {difference.name} ({difference.section})")
    findings.coverage.print()
    if what == "documents":
        return [f"the difference `{name}`" for name in OF_DOCUMENTS if not findings.touched[name]]
    return findings.coverage.lacking() + [
        f"the difference `{difference.name}`" for difference in differences if not findings.touched[difference.name]
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description="Compare jackstaff evaluate with the published Python engine.")
    parser.add_argument("what", choices=["contexts", "documents"])
    parser.add_argument("--jackstaff", type=Path, required=True, help="the program")
    parser.add_argument("--count", type=int, default=2_000, help="how many (%(default)s)")
    parser.add_argument("--seed", default="jackstaff", help="the same ones for the same seed (%(default)s)")
    parser.add_argument("--workers", type=int, default=1, help="processes (%(default)s)")
    options = parser.parse_args()

    print(f"seed {options.seed}")
    start = time.monotonic()
    findings = check(options.what, options.count, options.seed, options.workers, options.jackstaff)
    lacking = report(options.what, findings)
    for what in lacking:
        print(f"FAIL never occurred: {what}")
    print(f"{time.monotonic() - start:.1f} s")
    return 1 if findings.differing or lacking else 0


if __name__ == "__main__":
    raise SystemExit(main())
