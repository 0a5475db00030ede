"""`Passes`: how the graph of a compiled function was rewritten, to be looked at."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any

from arignote.compile import Function
from arignote.errors import GraphError, message
from arignote.lower.steps import LoopProgram
from arignote.rewrite.replay import Replay, StepKind, replay
from arignote.tables import Table, table
from arignote.viz.drawing.model import GraphView
from arignote.viz.output.page import MAX_OUTPUT_BYTES, App, Theme, frame, page
from arignote.viz.output.tables import table_html
from arignote.viz.timeline.steps import PassStep, pass_step
from arignote.viz.timeline.timeline import timeline_document

# A notebook keeps its outputs; more than this makes it slow to open.
HEIGHT = 640
_ALL_STEPS = "passes(f).save('passes.html') writes a page with all of them."
_TOO_LARGE = f"The graph is too large for a notebook; {_ALL_STEPS}"
TIMELINE = App("timeline.js", "mountTimeline", ("explorer.css", "timeline.css"))


@dataclass(frozen=True, eq=False, repr=False)
class Passes:
    """How the graph of a function was rewritten; in a notebook a timeline to step through.

    A notebook keeps at most 200 kB of it: of a longer timeline the first steps, with a note above,
    and of a graph that is larger than that the table alone. `save` writes all.

    Attributes
    ----------
    title : str
        The function's name.
    replay : Replay
        The graphs and the changes between them.
    """

    title: str
    replay: Replay

    @cached_property
    def steps(self) -> list[PassStep]:
        """The steps in order."""
        return [pass_step(step) for step in self.replay.steps]

    @cached_property
    def counts(self) -> dict[str, int]:
        """How often each rule fired, the most frequent first; merged and folded nodes too."""
        counts: Counter[str] = Counter()
        for step in self.steps:
            counts[step.rule] += step.count
        return dict(counts.most_common())

    @property
    def times(self) -> dict[str, float]:
        """What each pass takes, in seconds."""
        return {stage.value: seconds for stage, seconds in self.replay.seconds.items()}

    @cached_property
    def table(self) -> Table:
        """A row for each pass and rule: how often, for what, and by which equation."""
        rows: dict[tuple[str, str], list[Any]] = {}
        for step in self.steps:
            row = rows.setdefault(
                (step.stage, step.rule), [step.stage, step.rule, step.tag, 0, step.equation]
            )
            row[3] += step.count
        ordered = sorted(rows.values(), key=lambda row: (list(self.times).index(row[0]), -row[3]))
        return table(["pass", "rule", "tag", ">count", "what"], ordered, self.summary)

    @property
    def summary(self) -> str:
        """One line: how many rewrites there were, and what the passes took."""
        fired = sum(step.firing is not None for step in self.replay.steps)
        merged = sum(s.count for s in self.replay.steps if s.kind is StepKind.MERGE)
        folded = sum(s.count for s in self.replay.steps if s.kind is StepKind.FOLD)
        times = ", ".join(f"{name} {_ms(value)}" for name, value in self.times.items())
        parts = [f"{self.title or 'function'}: {_count(fired, 'rewrite')}"]
        parts += [f"{_count(merged, 'node')} merged"] if merged else []
        parts += [f"{_count(folded, 'expression')} folded"] if folded else []
        return "; ".join([", ".join(parts), *([times] if times else [])])

    def graph(self, count: int) -> GraphView:
        """The graph after so many steps.

        Parameters
        ----------
        count : int
            0 is the graph as it was built; negative numbers count from the end, -1 is the last.

        Raises
        ------
        GraphError
            There are fewer steps.
        """
        steps = len(self.replay.steps)
        place = count + steps + 1 if count < 0 else count
        if not 0 <= place <= steps:
            raise GraphError(
                message(
                    f"there is no graph after {count} steps.",
                    got=[repr(self)],
                    hint=f"0 to {steps}, or -1 for the last",
                )
            )
        return GraphView.from_function(self.replay.graph(place))

    def save(self, path: str | Path) -> Path:
        """Writes the timeline, with all steps, to one HTML file that needs nothing else."""
        path = Path(path).expanduser()
        path.write_text(self.page(), encoding="utf-8")
        return path

    def page(self, shown: int | None = None, theme: Theme = Theme.AUTO) -> str:
        """The timeline as an HTML page.

        Parameters
        ----------
        shown : int, optional
            How many steps it holds; by default all.
        theme : Theme
        """
        document = timeline_document(self.title, self.replay, self.steps, shown)
        title = f"rewrites of {self.title or 'a function'}"
        return page(document, app=TIMELINE, title=title, theme=theme)

    @cached_property
    def html(self) -> str:
        """The timeline for a notebook: the steps that fit into 200 kB, and a table of the rules."""
        counts = table_html(self.table)
        below = f"<details><summary>rules and times</summary>{counts}</details>"
        steps = shown = len(self)
        while True:
            note = f"The first {shown} of {steps} steps; {_ALL_STEPS}" if shown < steps else ""
            above = f"<p>{escape(note)}</p>" if note else ""
            found = f"{above}{frame(self.page(shown), height=HEIGHT)}{below}"
            if len(found) <= MAX_OUTPUT_BYTES:
                return found
            if not shown:
                return f"<p>{escape(_TOO_LARGE)}</p>{counts}"
            shown = min(shown - 1, int(0.9 * shown * MAX_OUTPUT_BYTES / len(found)))

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/plain": str(self), "text/html": self.html}

    def __iter__(self) -> Iterator[PassStep]:
        return iter(self.steps)

    def __len__(self) -> int:
        return len(self.replay.steps)

    def __str__(self) -> str:
        return str(self.table)

    def __repr__(self) -> str:
        return f"<Passes {self.summary}>"


def rewriting(function: Function) -> Passes:
    """See `arignote.viz.timeline.passes`."""
    if not isinstance(function, Function):
        raise GraphError(
            message(
                f"passes shows the rewrites of a function, not of a {type(function).__name__}.",
                hint="passes(arignote.function(inputs, outputs))",
            )
        )
    mode = function.mode
    expand = isinstance(function.program, LoopProgram)
    found = replay(function.graph, mode.optimizer, mode.excluded, True, expand, mode.included)
    return Passes(function.name or "", found)


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:.2g} ms" if seconds < 0.1 else f"{seconds:.2g} s"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
