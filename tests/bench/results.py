"""What a run has measured; times in seconds."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import Any

OURS = ["arignote", "arignote-numpy"]


@dataclass
class Cell:
    """One engine on one workload. `moved` is the bytes of inputs and outputs."""

    build: float = 0.0
    medians: list[float] = field(default_factory=list)
    moved: int = 0
    fault: str = ""

    @property
    def median(self) -> float | None:
        """The figure of the table."""
        return statistics.median(self.medians) if self.medians and not self.fault else None


@dataclass
class Results:
    """Cells by workload and engine, figures by special row and engine, limits by name.

    The figures of a special row are what its workers answered: numbers by name, or a fault.
    """

    versions: dict[str, str]
    workloads: list[str]
    specials: list[str]
    cells: dict[tuple[str, str], Cell] = field(default_factory=dict)
    figures: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    limits: dict[str, float] = field(default_factory=dict)

    def median(self, workload: str, engine: str) -> float | None:
        """The median time of a call, None where there is none."""
        return self.cells.get((workload, engine), Cell()).median

    def build(self, workload: str, engine: str) -> float | None:
        """The time to build and call once, None where that failed or was not tried."""
        cell = self.cells.get((workload, engine))
        return cell.build if cell and not cell.fault else None

    def figure(self, special: str, engine: str, name: str) -> float | None:
        """A number of a special row, None where there is none."""
        return self.figures.get((special, engine), {}).get(name)

    def best_peer(self, workload: str) -> tuple[float, str] | None:
        """The shortest time of the others, and whose it is."""
        times = [(self.median(workload, name), name) for name in self.versions if name not in OURS]
        return min(((time, name) for time, name in times if time is not None), default=None)

    def faults(self) -> dict[tuple[str, str], str]:
        """What failed, by row and engine."""
        found = {key: cell.fault for key, cell in self.cells.items() if cell.fault}
        return found | {k: f["fault"] for k, f in self.figures.items() if "fault" in f}


def fault_class(fault: str) -> str:
    """The part of a fault that fits into a table."""
    return fault.partition(":")[0]
