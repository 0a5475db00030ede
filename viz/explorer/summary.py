"""What was built when a function was compiled, as text and as foldable HTML."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from typing import Any

from arignote import lazy
from arignote.compile import Function
from arignote.compile.footprint import Footprint, footprint
from arignote.compile.memory import bytes_text
from arignote.graph import Variable
from arignote.graph.describe import label
from arignote.lower.names import where_text
from arignote.lower.steps import LoopProgram, LoopStep, NodeStep, ProductStep
from arignote.tables import Table, table
from arignote.viz.drawing.build import type_text
from arignote.viz.output.tables import table_body, table_css, table_script

MAX_EQUATIONS = 3
MAX_ROWS = 40
MAX_REPEATED = 1000
MEMORY_NOTE = "f.memory(...) tells it for other shapes, by name"
STEP_KINDS = {LoopStep: "C kernel", ProductStep: "BLAS", NodeStep: "NumPy"}


@dataclass(frozen=True, eq=False, repr=False)
class FunctionSummary:
    """What a compiled function takes, gives and runs; `print` and notebooks show it.

    Attributes
    ----------
    function : Function
    times : dict of str to float
        What making it took, in seconds; `all` is the whole.

    Example
    -------
    >>> from arignote import function, tensor as T
    >>> x = T.dvector("x")
    >>> text = str(FunctionSummary(function([x], T.exp(x) + 0, name="f")))
    >>> text.splitlines()[:2]
    ['<Function f(x) -> add.0>', '  input    x: float64 (?,)']
    """

    function: Function
    times: Mapping[str, float] = field(default_factory=dict)

    @property
    def rules(self) -> Counter[str]:
        """How often each rewrite rule fired."""
        return Counter(firing.name for firing in self.function.rewrites)

    @property
    def tags(self) -> Counter[str]:
        """How often rewrite rules of each tag fired."""
        return Counter(firing.rule.tag.value for firing in self.function.rewrites)

    @property
    def steps(self) -> Counter[str]:
        """How many steps of each kind run."""
        program = self.function.program
        if not isinstance(program, LoopProgram):
            return Counter({"NumPy": len(program.steps)})
        return Counter(STEP_KINDS[type(step)] for step in program.computing)

    @cached_property
    def footprint(self) -> Footprint:
        """What memory it holds, and what its calls take."""
        return footprint(self.function)

    @property
    def state(self) -> str:
        """What runs the calls now."""
        f = self.function
        if f.linker == "c":
            return "C"
        return "NumPy" if f.wait(0) else "NumPy, until its C code is compiled"

    @property
    def facts(self) -> list[tuple[str, str]]:
        """The summary, a title and a line each."""
        f = self.function
        fired = sum(self.tags.values())
        tags = _counted(self.tags)
        steps = sum(self.steps.values())
        mode = f"optimizer {f.mode.optimizer.value}, linker {f.mode.linker.value}"
        if f.mode.excluded:
            mode += f", without {', '.join(sorted(f.mode.excluded))}"
        if f.mode.included:
            mode += f", with {', '.join(sorted(f.mode.included))}"
        return [
            ("nodes", f"{len(f.graph.order)} as built, {len(f.fgraph.order)} that run"),
            ("rewrites", f"{fired}{f': {tags}' if tags else ''}"),
            ("steps", f"{steps}{f': {_counted(self.steps)}' if steps else ''}"),
            ("memory", str(self.footprint)),
            ("runs with", self.state),
            ("mode", mode),
            *([("made in", _times(self.times))] if self.times else []),
            *([("line", str(f.source))] if f.source is not None else []),
        ]

    @property
    def variables(self) -> Table:
        """Inputs, outputs and updates."""
        f = self.function
        rows = [
            *[("input", *_shown(x)) for x in f.inputs],
            *[("output", *_shown(x)) for x in f.outputs],
            *[("update", *_shown(x)) for x, _ in f.graph.updates],
        ]
        return _limited(("what", "name", "type", "line"), rows)

    @property
    def kernels(self) -> Table:
        """The steps that run, with what they compute."""
        program = self.function.program
        titles = (">step", "kind", "computes", "line")
        if not isinstance(program, LoopProgram):
            rows: list[tuple[object, ...]] = [
                (n, "NumPy", str(step.node.op), where_text(step.node))
                for n, step in enumerate(program.steps, 1)
            ]
            return _limited(titles, rows)
        names = program.names
        rows = []
        for number, step in enumerate(program.computing, 1):
            nodes = step.loops.nodes if isinstance(step, LoopStep) else (step.node,)
            equations = [names.equation(node) for node in nodes]
            more = len(equations) - MAX_EQUATIONS
            # The last ones are what the kernel is for.
            shown = ["…", *equations[-MAX_EQUATIONS:]] if more > 0 else equations
            lines = dict.fromkeys(filter(None, map(where_text, nodes)))
            rows.append((number, STEP_KINDS[type(step)], "; ".join(shown), ", ".join(lines)))
        return _limited(titles, rows)

    @property
    def memory(self) -> Table:
        """What is held between calls, and what calls take at their peaks."""
        found = self.footprint
        call = "a call" if found.was_called else "a call, for example"
        rows: list[tuple[object, ...]] = [
            (bytes_text(size), "", name, "", "") for name, size in found.held
        ]
        rows += [
            (
                bytes_text(plan.peak),
                bytes_text(plan.allocated),
                f"{call}, at most" if plan.is_bound else call,
                shapes,
                plan.steps[plan.peak_step],
            )
            for shapes, plan in found.calls
        ]
        titles = (">bytes", ">of it allocated", "for", "inputs", "peak at")
        return table(titles, rows, note=MEMORY_NOTE)

    @property
    def rewrites(self) -> Table:
        """The rules that fired, the most frequent first."""
        rules = {firing.name: firing.rule for firing in self.function.rewrites}
        rows = [
            (count, name, rules[name].tag.value, str(rules[name]))
            for name, count in self.rules.most_common()
        ]
        return _limited((">times", "rule", "for", "what it does"), rows)

    def __str__(self) -> str:
        f = self.function
        lines = [
            *[f"  input    {_typed(x)}" for x in f.inputs],
            *[f"  output   {_typed(x)}" for x in f.outputs],
            *[f"  update   {_typed(x)}" for x, _ in f.graph.updates],
        ]
        if len(lines) > MAX_ROWS:
            lines = [*lines[:MAX_ROWS], f"  ... {len(lines) - MAX_ROWS} more"]
        facts = [f"  {title:8} {text}" for title, text in self.facts]
        return "\n".join([repr(f), *lines, *facts])

    __repr__ = __str__

    def html(self, is_open: bool = False) -> str:
        """The summary as HTML whose parts fold."""
        f = self.function
        steps = sum(self.steps.values())
        head = (
            f"<b>{escape(f.name or 'function')}</b>({escape(', '.join(map(str, f.inputs)))}) → "
            f"{escape(', '.join(map(label, f.outputs)) or 'nothing')}"
            f" <span class='ari-note'>{len(f.graph.order)} nodes built,"
            f" {len(f.fgraph.order)} run in {steps} step{'' if steps == 1 else 's'},"
            f" with {escape(self.state)}</span>"
        )
        facts = "".join(
            f"<div><span class='ari-key'>{escape(title)}</span>{escape(text)}</div>"
            for title, text in self.facts
        )
        parts = [
            ("variables", self.variables, True),
            ("steps", self.kernels, is_open),
            ("memory", self.memory, is_open),
            ("rewrites", self.rewrites, is_open),
        ]
        body = "".join(
            f"<details{' open' if shown else ''}><summary>{title}"
            f" <span class='ari-note'>{len(rows.rows)}</span></summary>{table_body(rows)}</details>"
            for title, rows, shown in parts
            if rows.rows
        )
        return (
            f"<style>{table_css()}</style><details class='ari-table ari-function'"
            f"{' open' if is_open else ''}><summary>{head}</summary>"
            f"<div class='ari-facts'>{facts}</div>{body}</details><script>{table_script()}</script>"
        )

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/plain": str(self), "text/html": self.html(is_open=True)}


def summary(function: Function, times: Mapping[str, float] | None = None) -> FunctionSummary:
    """What a compiled function takes, gives and runs.

    Parameters
    ----------
    function : Function
    times : mapping of str to float, optional
        What making it took, in seconds; `all` is the whole.
    """
    return FunctionSummary(function, times or {})


def pass_times(function: Function) -> dict[str, float]:
    """What each pass of rewriting takes, in seconds; nothing for large graphs.

    They are measured by doing it once more.
    """
    if len(function.graph.order) > MAX_REPEATED:
        return {}
    times: dict[str, float] = lazy.module("arignote.viz.timeline.passes").passes(function).times
    return times


def _limited(titles: tuple[str, ...], rows: list[Any]) -> Table:
    more = len(rows) - MAX_ROWS
    return table(titles, rows[:MAX_ROWS], note=f"... and {more} more" if more > 0 else "")


def _counted(counts: Counter[str]) -> str:
    return ", ".join(
        f"{count} {name}{'s' if count > 1 and name == STEP_KINDS[LoopStep] else ''}"
        for name, count in counts.most_common()
    )


def _times(times: Mapping[str, float]) -> str:
    whole = f"{1e3 * times['all']:.0f} ms" if "all" in times else ""
    parts = ", ".join(f"{name} {1e3 * time:.1f}" for name, time in times.items() if name != "all")
    return f"{whole} ({parts} ms)" if whole and parts else whole or parts


def _shown(x: Variable) -> tuple[str, str, str]:
    return label(x), type_text(x.type), str(x.source or "")


def _typed(x: Variable) -> str:
    return f"{label(x)}: {type_text(x.type)}" if x.name else type_text(x.type)
