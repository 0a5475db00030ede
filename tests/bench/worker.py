"""One engine's process: takes commands and gives answers, a line of JSON each.

`python worker.py NAME` says `{"version": ...}` (empty when the engine is not installed), then
answers each command; an exception becomes `{"fault": "Class: text"}`.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from workloads import Built, Workload, difference, make

REFERENCE = "numpy"
BLOCK_S = 0.001  # calls shorter than this are timed several at a time
PROC = Path("/proc/self")


class MismatchError(Exception):
    """An engine's values are not NumPy's."""


class UnableError(Exception):
    """This engine, or this machine, has no way to do this; that is no fault."""


def module_of(name: str) -> ModuleType:
    """The module of an engine; ModuleNotFoundError when the engine is not installed."""
    return importlib.import_module(f"engines.with_{name.replace('-', '_')}")


class Session:
    """An engine and the workload that it has built last; each method is a command."""

    def __init__(self, engine: ModuleType) -> None:
        self.engine = engine
        self.work: Workload | None = None
        self.made: Built | None = None
        self.reference: Built | None = None
        self.started: list[str] = []

    def watch(self) -> dict:
        """From here on, programs that this process starts (compilers) are counted."""
        events, started = ("subprocess.Popen", "os.system", "os.posix_spawn"), self.started

        def note(event: str, _: object) -> None:
            if event not in events:  # to ask for a frame is an event too
                return
            # What subprocess starts through posix_spawn, as newer Pythons do, has told already.
            caller = sys._getframe(1).f_globals["__name__"]
            if event == "subprocess.Popen" or caller != "subprocess":
                started.append(event)

        sys.addaudithook(note)
        return {}

    def programs(self) -> dict:
        """How many programs were started since `watch`."""
        return {"count": len(self.started)}

    def builder(self, work: Workload) -> Callable[[Workload], Built]:
        """What makes the workload here; UnableError if nothing does."""
        found = self.engine.BUILDERS.get(work.kind)
        largest = getattr(self.engine, "LARGEST", {}).get(work.kind)
        if found is None or (largest is not None and work.size > largest):
            raise UnableError
        return found

    def build(self, name: str) -> dict:
        """Builds a workload and runs it once; the first step is part of building it."""
        self.work = self.made = self.reference = None  # their arrays may be large
        work = make(name)
        builder = self.builder(work)
        gc.collect()
        start = time.perf_counter()
        made = builder(work)
        result = made.step()
        seconds = time.perf_counter() - start
        self.work, self.made = work, made
        self.reference = module_of(REFERENCE).BUILDERS[work.kind](work)
        want = self.compare([result])
        moved = sum(v.nbytes for v in [*work.inputs, *want])
        return {"seconds": seconds, "bytes": moved}

    def compare(self, results: list[object]) -> list[np.ndarray]:
        """The reference's values after as many steps; MismatchError when these are others."""
        want: list[np.ndarray] = []
        for result in results:
            want = self.reference.values(self.reference.step())
            gap = difference(self.made.values(result), want)
            if not gap <= self.work.tolerance:
                raise MismatchError(
                    f"differs from NumPy by {gap:.3g} (allowed {self.work.tolerance:g})"
                )
        return want

    def median(self, seconds: float) -> dict:
        """The median time of a call over about so many seconds."""
        return {"median": statistics.median(samples(self.made.step, seconds, BLOCK_S))}

    def spread(self, seconds: float) -> dict:
        """The median and the 95th percentile of single calls."""
        times = samples(self.made.step, seconds, 0.0, at_least=20)
        return {"median": statistics.median(times), "p95": statistics.quantiles(times, n=20)[-1]}

    def pairs(self, count: int) -> dict:
        """The time of so many further steps, and of the steps of which each is followed.

        Values are compared with NumPy's.
        """
        step, first, again, results = self.made.step, 0.0, 0.0, []
        for _ in range(count):
            start = time.perf_counter()
            results.append(step())
            between = time.perf_counter()
            results.append(step())
            first, again = first + between - start, again + time.perf_counter() - between
        self.compare(results)
        return {"first": first, "again": again}

    def memory(self, name: str, small: str) -> dict:
        """The bytes that steps take at their peak, beside inputs and outputs.

        The small workload of the same kind is built first, so that code and threads are there.
        """
        self.build(small)
        work = make(name)
        made = self.builder(work)(work)
        gc.collect()
        with contextlib.suppress(OSError):  # elsewhere the peak so far counts too
            (PROC / "clear_refs").write_text("5")
        before = resident("VmRSS")
        for _ in range(2):
            made.step()
        output = work.inputs[0].nbytes  # the same shape and dtype
        return {"extra": resident("VmHWM") - before - output}

    def overhead(self, name: str, of: str, seconds: float) -> dict:
        """What a workload's steps take with something beside them, over what they take alone."""
        if not hasattr(self.engine, "OVERHEADS"):
            raise UnableError
        work, (builders, around) = make(name), self.engine.OVERHEADS[of]
        plain, other = (make_one[work.kind](work) for make_one in (self.engine.BUILDERS, builders))
        return self.engine.overhead(plain.step, other.step, seconds, around)

    def products(self, name: str, seconds: float) -> dict:
        """The share of a workload's steps that is in products, without copies of its matrices.

        A product that adds to a matrix copies it first.
        """
        find = getattr(self.engine, "time_in_products", None)
        if find is None:
            raise UnableError
        self.build(name)
        steps, spent, whole = find(self.made.step, seconds)
        pairs = [(np.empty_like(a), a) for a in self.work.state if a.ndim == 2]
        times = samples(lambda: [np.copyto(*pair) for pair in pairs], seconds / 4, BLOCK_S)
        copies = steps * statistics.median(times)
        return {"share": (spent - copies) / whole, "with_copies": spent / whole}

    def fusion(self, count: int, seconds: float) -> dict:
        """Random expressions with fusion and without."""
        compare = getattr(self.engine, "compare_fusion", None)
        if compare is None:
            raise UnableError
        return compare(count, seconds)


def samples(
    step: Callable[[], object], seconds: float, block: float, at_least: int = 3
) -> list[float]:
    """Times of a call, each the mean over a block of about `block` seconds."""
    clock = time.perf_counter
    start = clock()
    step()
    count = max(1, int(block / max(clock() - start, 1e-7)))
    times: list[float] = []
    end = clock() + seconds
    while clock() < end or len(times) < at_least:
        start = clock()
        for _ in range(count):
            step()
        times.append((clock() - start) / count)
    return times


def resident(field: str) -> int:
    """VmRSS (the memory in use) or VmHWM (its peak) of this process, in bytes."""
    try:
        lines = (PROC / "status").read_text().splitlines()
    except OSError:
        raise UnableError from None
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{field}:"))


def serve(name: str) -> Iterator[dict[str, Any]]:
    """The answers to what comes on stdin, the version first."""
    try:
        engine = module_of(name)
    except ModuleNotFoundError as error:
        if error.name not in (name, name.partition("-")[0]):
            raise
        yield {"version": ""}
        return
    session = Session(engine)
    yield {"version": engine.VERSION}
    for line in sys.stdin:
        command = json.loads(line)
        try:
            answer = getattr(session, command.pop("do"))(**command)
        except UnableError:
            answer = {"unable": True}
        except Exception as error:  # noqa: BLE001 (what an engine raises is a result)
            answer = {"fault": f"{type(error).__name__}: {error}"[:2000]}
        yield answer


def main() -> None:
    """Only answers go to stdout: what engines print there goes to stderr."""
    channel = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for answer in serve(sys.argv[1]):
        channel.write(json.dumps(answer) + "\n")
        channel.flush()


if __name__ == "__main__":
    main()
