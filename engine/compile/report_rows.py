"""Rows of a profile: time that belongs together, and what else is known of it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum

from arignote.errors import InputError, message
from arignote.execute.costs import Cost
from arignote.execute.peaks import Bound, Peaks
from arignote.execute.profile import Meter, Use
from arignote.graph import Apply
from arignote.lower.names import line_of, where_text


class RowKind(Enum):
    """What the time of a row was spent on."""

    KERNEL = "kernel"
    PRODUCT = "product"
    NUMPY = "NumPy"
    LINE = "line"
    OP = "op"
    FUNCTION = "function"
    OVERHEAD = "overhead"
    COMPILING = "compiling"
    MEASURING = "measuring"
    PYTHON = "Python"


STEP_KINDS = {"loops": RowKind.KERNEL, "blas": RowKind.PRODUCT, "numpy": RowKind.NUMPY}


class By(Enum):
    """What a row stands for."""

    LINE = "line"
    KERNEL = "kernel"
    OP = "op"
    FUNCTION = "function"


@dataclass
class Row:
    """Time that belongs together.

    Attributes
    ----------
    kind : RowKind
    name : str
        For people, short.
    detail, where, function : str
        All there is to say, the user's lines, and the function that it is part of.
    calls : int
        How often it ran.
    nanoseconds : float
        In all; nodes share the time of their kernel by about how long each takes.
    cost : Cost
        Bytes read and written, operations on floats, of all runs.
    least : mapping of Bound to float
        Nanoseconds for which the machine would be at its limit, by what that is.
    """

    kind: RowKind
    name: str
    detail: str = ""
    where: str = ""
    function: str = ""
    calls: int = 0
    nanoseconds: float = 0.0
    cost: Cost = field(default_factory=Cost)
    least: dict[Bound, float] = field(default_factory=dict)

    @property
    def gb_per_s(self) -> float:
        """Bytes read and written in a second, in units of 1e9."""
        return self.cost.bytes / max(self.nanoseconds, 1)

    @property
    def gflop_per_s(self) -> float:
        """Operations on floats in a second, in units of 1e9."""
        return self.cost.operations / max(self.nanoseconds, 1)

    @property
    def of_peak(self) -> float:
        """How near the machine's limit it ran: 1.0 is at it."""
        return sum(self.least.values()) / max(self.nanoseconds, 1)

    @property
    def bound(self) -> Bound | None:
        """What limits it most."""
        return max(self.least, key=self.least.__getitem__) if self.least else None

    def count(self, meter: Meter, share: float, least: dict[Bound, float]) -> None:
        """Adds a share of what was measured of a step."""
        self.nanoseconds += meter.nanoseconds * share
        self.cost += meter.cost.part(share)
        for bound, nanoseconds in least.items():
            self.least[bound] = self.least.get(bound, 0.0) + nanoseconds * share


def way(by: By | str) -> By:
    """What rows stand for, given by its name."""
    try:
        return By(by)
    except ValueError:
        ways = ", ".join(way.value for way in By)
        raise InputError(message(f"by is one of {ways}, not {by!r}.")) from None


def group_of(by: By, use: Use, node: Apply | None, label: str) -> tuple[object, Row]:
    """What the row of a node, or of a step, is found by, and that row while it is empty."""
    info = use.info
    if by is By.KERNEL or node is None:
        name = f"{info.number} {info.brief}"
        return info, Row(STEP_KINDS[info.kind], name, info.what, info.where, label)
    if by is By.OP:
        op = str(node.op)
        return op, Row(RowKind.OP, op, function=label)
    line, where = line_of(node), where_text(node)
    if line is None:
        return None, Row(RowKind.LINE, "unknown line", function=label)
    return where, Row(RowKind.LINE, line.text or where, str(line), where, label)


def merged(rows: Iterable[Row], by: By) -> list[Row]:
    """Rows of several functions that stand for one line, or op, as one."""
    if by not in (By.LINE, By.OP):
        return list(rows)
    found: dict[object, Row] = {}
    for row in rows:
        key = (row.kind, row.where, row.name)
        known = found.setdefault(key, row)
        if known is not row:
            known.calls += row.calls
            known.nanoseconds += row.nanoseconds
            known.cost += row.cost
            known.function += f", {row.function}"
            for bound, nanoseconds in row.least.items():
                known.least[bound] = known.least.get(bound, 0.0) + nanoseconds
    return list(found.values())


def least_time(use: Use, meter: Meter, peaks: Peaks | None) -> dict[Bound, float]:
    """For how long the machine would be at its limit, by what that is."""
    if peaks is None or not meter.calls:
        return {}
    dtypes = {x.type.dtype for node in use.info.nodes for x in node.outputs}
    bound, nanoseconds = peaks.least(meter.cost, meter.calls, "float64" in dtypes)
    return {bound: nanoseconds} if nanoseconds else {}
