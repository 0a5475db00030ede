"""What the machine can do: memory bandwidth and NumPy's BLAS, printed as JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np

from arignote.errors import CompilerMissingError
from arignote.execute import runtime
from arignote.execute.compiler import find_compiler
from workloads import MLP_BATCH, MLP_SIZES, OTHER_BATCHES, RESIDUAL_WIDTH

# Bytes read and written by one copy: what the caches hold, a large array, and beyond all caches.
COPIES = {"128k": 1 << 17, "12m": 12 << 20, "256m": 256 << 20}
LOGREG_SHAPE = (400, 784)


def main() -> None:
    """Prints the limits; a first argument is the seconds for each."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 0.2
    found: dict[str, float] = {}
    for name, size in COPIES.items():
        for threads in (1, 2):
            found[f"copy_{name}_{threads}"] = copied(size, threads, seconds)
    for name, dtype in (("sgemm", "float32"), ("dgemm", "float64")):
        found[name] = gemm(dtype, seconds)
    x, w, v = np.ones(LOGREG_SHAPE), np.ones(LOGREG_SHAPE[1]), np.ones(LOGREG_SHAPE[0])
    found["gemv"] = best(lambda: x @ w, seconds)
    found["gemv_t"] = best(lambda: x.T @ v, seconds)
    found["mlp_products"] = best(mlp_products(), seconds)
    found["batch_products"] = best(batch_products(), seconds)
    found["residual_products"] = best(residual_products(), seconds)
    for name, dtype in (("functions", "float32"), ("functions64", "float64")):
        found[name] = functions(dtype, seconds)
    if (compiling := runtime_compiled()) is not None:
        found["compiler"] = compiling
    print(json.dumps(found))


def runtime_compiled() -> float | None:
    """The time that the C compiler takes for the runtime, products included, both files at once."""
    try:
        command = find_compiler().arguments(runtime.OPTIONS)
    except CompilerMissingError:
        return None
    with tempfile.TemporaryDirectory() as folder:
        commands = []
        for names in (runtime.SOURCE, runtime.PRODUCTS):
            source = Path(folder, names[-1])
            source.write_text(runtime.text_of(names), "utf-8")
            commands.append([*command, "-o", f"{source}.so", str(source), "-lm"])
        return best(lambda: [p.wait() for p in [subprocess.Popen(c) for c in commands]], 1.0)


def best(step: Callable[[], object], seconds: float) -> float:
    """The shortest time of a call."""
    clock = time.perf_counter
    step()
    shortest, end = float("inf"), clock() + seconds
    while clock() < end:
        start = clock()
        step()
        shortest = min(shortest, clock() - start)
    return shortest


def copied(size: int, threads: int, seconds: float) -> float:
    """Bytes read and written a second by copies; each thread has its part of `size` bytes."""
    pairs = [np.ones((2, size // 2 // threads // 8)) for _ in range(threads)]
    count = max(1, (64 << 20) // size)
    gate = threading.Barrier(threads + 1)

    def copies(source: np.ndarray, target: np.ndarray) -> None:
        while True:
            gate.wait()
            for _ in range(count):
                np.copyto(target, source)
            gate.wait()

    for pair in pairs:
        threading.Thread(target=copies, args=tuple(pair), daemon=True).start()

    def step() -> None:
        gate.wait()
        gate.wait()

    return count * size / best(step, seconds)


def gemm(dtype: str, seconds: float, size: int = 1536) -> float:
    """Operations a second of a product of square matrices."""
    a, b = np.ones((2, size, size), dtype)
    out = np.empty_like(a)
    return 2 * size**3 / best(lambda: np.matmul(a, b, out=out), seconds)


def mlp_products() -> Callable[[], None]:
    """The 8 matrix products of a step of the workload mlp."""
    values = [np.ones((MLP_BATCH, n), "float32") for n in MLP_SIZES]
    weights = [np.ones(shape, "float32") for shape in pairwise(MLP_SIZES)]

    def step() -> None:
        for i, w in enumerate(weights):
            values[i] @ w
            values[i].T @ values[i + 1]
            if i:
                values[i + 1] @ w.T

    return step


def batch_products() -> Callable[[], None]:
    """The products of one pass forward at each of the other batch sizes."""
    values = [[np.ones((m, n), "float32") for n in MLP_SIZES[:-1]] for m in OTHER_BATCHES]
    weights = [np.ones(shape, "float32") for shape in pairwise(MLP_SIZES)]

    def step() -> None:
        for batch in values:
            for x, w in zip(batch, weights, strict=True):
                x @ w

    return step


def residual_products() -> Callable[[], None]:
    """The products of a call of residual1000: one a layer forward, two back."""
    x, w, out = np.ones((3, RESIDUAL_WIDTH, RESIDUAL_WIDTH), "float32")

    def step() -> None:
        for _ in range(1000):
            np.matmul(x, w, out=out)
            np.matmul(x.T, w, out=out)
            np.matmul(x, w.T, out=out)

    return step


def functions(dtype: str, seconds: float, size: int = 8192) -> float:
    """Seconds for tanh and exp of a million numbers, each core having its share of them cached."""
    x = np.linspace(-3, 3, size, dtype=dtype)
    out = np.empty_like(x)
    each = sum(best(lambda f=f: f(x, out=out), seconds) for f in (np.tanh, np.exp)) / size
    return 1e6 * each / len(os.sched_getaffinity(0))


if __name__ == "__main__":
    main()
