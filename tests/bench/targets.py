"""The figures to reach, each compared with what was measured.

Every target is a number that is at most a bound. The text in front of it is what was asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from limits import COPIES
from results import Results, fault_class
from special import milliseconds
from workloads import RESIDUAL_DEPTHS

US = "arignote"
GEMM_SHARE = 0.8
Number = tuple[float, str]  # what is compared with the bound, and what is shown


@dataclass(frozen=True)
class Target:
    """One line: row, what was asked for, and how it is found; `limit` is in seconds."""

    row: str
    asked: str
    bound: float
    number: Callable[[Results], Number | None]
    limit: Callable[[Results], tuple[float, str] | None] = lambda results: None
    strict: bool = False

    def cells(self, results: Results) -> list[str]:
        """Row, asked, figure, verdict and limit, as texts."""
        found = self.number(results)
        fault = results.faults().get((self.row, US))
        if found is None:
            why = fault_class(fault) if fault else "not measured"
            return [self.row, self.asked, "-", why, ""]
        number, text = found
        met = number < self.bound if self.strict else number <= self.bound
        return [self.row, self.asked, text, "✓" if met else self._gap(number), self._near(results)]

    def _gap(self, number: float) -> str:
        return f"✗ by a factor of {number / self.bound:.2f}" if self.bound else "✗"

    def _near(self, results: Results) -> str:
        limit = self.limit(results)
        if limit is None:
            return ""
        seconds, what = limit
        first = [results.figure(self.row, US, name) for name in ("first", "cold")]
        time = results.median(self.row, US) or next(filter(None, first), None)
        share = f": {100 * seconds / time:.0f} % of our time" if time else ""
        return f"{what} {_time(seconds)}{share}"


def _time(seconds: float) -> str:
    return milliseconds(seconds) if seconds >= 1e-4 else f"{seconds * 1e6:.3g} us"


def _call(row: str, results: Results) -> Number | None:
    """The time of a call in ms."""
    time = results.median(row, US)
    return None if time is None else (time * 1e3, _time(time))


def _over_best_peer(row: str, results: Results) -> Number | None:
    peer = results.best_peer(row)
    return None if peer is None else _over(row, peer[1], results)


def _over(row: str, peer: str, results: Results) -> Number | None:
    """Our time over a peer's."""
    ours, theirs = results.median(row, US), results.median(row, peer)
    if ours is None or theirs is None:
        return None
    return ours / theirs, f"{_time(ours)}, {ours / theirs:.2f}x {peer} ({_time(theirs)})"


def _built(row: str, results: Results) -> Number | None:
    seconds = results.build(row, US)
    return None if seconds is None else (seconds, f"{seconds:.3g} s")


def _share_of_products(results: Results) -> Number | None:
    """What the share of mlp's products should be, over what it is."""
    share = results.figure("gemm", US, "share")
    # A very short run may end before a product was measured.
    return (GEMM_SHARE / share, f"{100 * share:.0f} %") if share else None


def _figure(
    special: str, name: str, show: Callable[[float], str], results: Results
) -> Number | None:
    value = results.figure(special, US, name)
    return None if value is None else (value, show(value))


def _new_sizes(results: Results) -> Number | None:
    """What sizes cost that were not met before: the products alone take longer than the target."""
    first, again = (results.figure("batches", US, name) for name in ("first", "again"))
    if first is None or again is None:
        return None
    return max(first - again, 0.0), milliseconds(max(first - again, 0.0))


def _growth(results: Results) -> Number | None:
    ratios = results.figures.get(("growth", US))
    if not ratios:
        return None
    missing = len(RESIDUAL_DEPTHS) - 1 - len(ratios)
    text = ", ".join(f"{ratio:.2f}" for ratio in ratios.values())
    return max(ratios.values()), text + (f" ({missing} not measured)" if missing else "")


def _busy(results: Results) -> Number | None:
    median, p95 = (results.figure("busy", US, name) for name in ("median", "p95"))
    if median is None or p95 is None:
        return None
    return p95 / median, f"{p95 / median:.2f}x ({_time(p95)} over {_time(median)})"


def _percent(ratio: float) -> str:
    return f"{100 * (ratio - 1):.1f} %"


def _frame(results: Results) -> Number | None:
    """The time of a frame."""
    rate = results.figure("explorer", US, "frames")
    return None if rate is None else (1 / rate, f"{rate:.0f} frames/s")


def _memory_bound(row: str, results: Results) -> tuple[float, str] | None:
    """The time to copy as many bytes as the row reads and writes, with the better of 1 and 2
    threads, from and to where an array of that size is kept."""
    cell = results.cells.get((row, US))
    if cell is None or not cell.moved or not results.limits:
        return None
    near = min(COPIES, key=lambda name: max(COPIES[name] / cell.moved, cell.moved / COPIES[name]))
    speed = max(results.limits[f"copy_{near}_{threads}"] for threads in (1, 2))
    return cell.moved / speed, "memory"


def _gemv_bound(results: Results) -> tuple[float, str] | None:
    if not results.limits:
        return None
    return results.limits["gemv"] + results.limits["gemv_t"], "its 2 gemv passes"


def _products_bound(name: str, results: Results) -> tuple[float, str] | None:
    seconds = results.limits.get(name)
    return None if seconds is None else (seconds, "its products with NumPy")


def _compiler_bound(results: Results) -> tuple[float, str] | None:
    seconds = results.limits.get("compiler")
    return None if seconds is None else (seconds, "the C compiler on the runtime alone")


def _functions_bound(row: str, results: Results) -> tuple[float, str] | None:
    """The time of the row's tanh and exp alone."""
    seconds = results.limits.get(COMPUTE_BOUND[row])
    return None if seconds is None else (seconds, "its tanh and exp with NumPy, cached and shared")


def _beside_best(row: str) -> Target:
    bound = partial(_functions_bound, row) if row in COMPUTE_BOUND else None
    number, limit = partial(_over_best_peer, row), bound or partial(_memory_bound, row)
    return Target(row, "<= 0.5x the best peer", 0.5, number, limit)


def _beside_numpy(row: str, asked: str, bound: float, strict: bool = False) -> Target:
    number, limit = partial(_over, row, "numpy"), partial(_memory_bound, row)
    return Target(row, asked, bound, number, limit, strict)


ELEMENTWISE = ["elem10k", "elem1m", "elem64-10k", "elem64-1m", "logsin100k", "logsin4m"]
COMPUTE_BOUND = {"elem1m": "functions", "elem64-1m": "functions64"}
TARGETS = [
    Target("call", "<= 1.2 us", 0.0012, partial(_call, "call")),
    *map(_beside_best, ELEMENTWISE),
    _beside_numpy("addone", "not slower than NumPy", 1.0),
    _beside_numpy("predicate", "more than 4 times NumPy's speed", 0.25, strict=True),
    *(_beside_numpy(f"sum{axis}", "<= 1.0x NumPy", 1.0) for axis in (0, 1, 2, "all")),
    _beside_best("softmaxloss"),
    Target("logreg", "<= 0.06 ms", 0.06, partial(_call, "logreg"), _gemv_bound),
    Target(
        "mlp",
        "<= 0.9x JAX",
        0.9,
        partial(_over, "mlp", "jax"),
        partial(_products_bound, "mlp_products"),
    ),
    Target("gemm", f"mlp: >= {GEMM_SHARE:.0%} of the time", 1.0, _share_of_products),
    Target("chain300", "build and first call <= 0.35 s", 0.35, partial(_built, "chain300")),
    Target("chain300", "call <= 0.7x JAX", 0.7, partial(_over, "chain300", "jax")),
    Target("growth", "t(2n)/t(n) < 2.3", 2.3, _growth, strict=True),
    Target("residual1000", "build < 1 s", 1.0, partial(_built, "residual1000"), strict=True),
    Target(
        "residual1000",
        "call <= 0.2x JAX",
        0.2,
        partial(_over, "residual1000", "jax"),
        partial(_products_bound, "residual_products"),
    ),
    Target(
        "build",
        "cold <= 0.2 s",
        0.2,
        partial(_figure, "build", "cold", lambda value: f"{value:.3g} s"),
        _compiler_bound,
    ),
    Target(
        "build",
        "second process <= 0.05 s",
        0.05,
        partial(_figure, "build", "warm", lambda value: f"{value:.3g} s"),
    ),
    Target(
        "build",
        "second process: no compiler call",
        0,
        partial(_figure, "build", "calls", lambda value: f"{value:.0f} calls"),
    ),
    Target(
        "batches",
        "< 20 ms for all, beyond the calls themselves",
        0.02,
        _new_sizes,
        strict=True,
    ),
    Target(
        "batches",
        "no new kernel",
        0,
        partial(_figure, "batches", "calls", lambda value: f"{value:.0f} calls of a compiler"),
    ),
    Target(
        "memory",
        "inputs + output + < 1 MB",
        1e6,
        partial(_figure, "memory", "extra", lambda value: f"{max(value, 0) / 1e6:.1f} MB"),
        strict=True,
    ),
    Target(
        "fusion",
        "none more than 5 % slower",
        0,
        partial(_figure, "fusion", "slower", lambda value: f"{value:.0f}"),
    ),
    Target("busy", "p95 < 3x the median", 3.0, _busy, strict=True),
    Target("guard", "costs < 10 %", 1.1, partial(_figure, "guard", "ratio", _percent), strict=True),
    Target("watch", "costs < 10 %", 1.1, partial(_figure, "watch", "ratio", _percent), strict=True),
    Target("import", "<= 60 ms", 0.06, partial(_figure, "import", "ours", milliseconds)),
    Target("load_ext", "<= 0.3 s", 0.3, partial(_figure, "load_ext", "ours", milliseconds)),
    Target("stop", "<= 0.5 s", 0.5, partial(_figure, "stop", "worst", milliseconds)),
    *(
        Target(
            "explorer",
            f"{size} nodes <= {bound:g} s",
            bound,
            partial(_figure, "explorer", str(size), milliseconds),
        )
        for size, bound in {91: 0.1, 455: 0.2, 2793: 1.0, 10_000: 2.0}.items()
    ),
    Target("explorer", "10,000 nodes at >= 30 frames/s", 1 / 30, _frame),
]
