"""The forms in which notebooks show things: text, LaTeX, pictures and HTML."""

from functools import singledispatch
from html import escape
from typing import Any

from arignote.compile import Function
from arignote.compile.memory import MemoryPlan
from arignote.compile.report import ProfileReport
from arignote.compile.values import Values
from arignote.config import Config
from arignote.graph import SharedVariable, Variable
from arignote.graph.describe import describe
from arignote.statistics import statistics
from arignote.tables import Table, number, table
from arignote.types import shape_text
from arignote.viz.drawing.model import view
from arignote.viz.explorer import explorer
from arignote.viz.explorer.summary import FunctionSummary
from arignote.viz.output.latex import to_latex
from arignote.viz.output.page import MAX_OUTPUT_BYTES, picture_forms
from arignote.viz.output.tables import table_css, table_html
from arignote.viz.profiles.memory_chart import memory_svg
from arignote.viz.profiles.view import ProfileView

PLAIN, HTML, LATEX, SVG = "text/plain", "text/html", "text/latex", "image/svg+xml"


@singledispatch
def bundle(thing: Any, plain: str) -> dict[str, str]:
    """All forms of a thing by their MIME types.

    Parameters
    ----------
    thing : Variable, Function, Table, Config, Values or anything with a graph
    plain : str
        Its text.
    """
    return _with_graph(thing, plain)


@bundle.register
def _(thing: Table, plain: str) -> dict[str, str]:
    return {PLAIN: plain, HTML: table_html(thing)}


@bundle.register
def _(thing: ProfileReport, plain: str) -> dict[str, str]:
    return ProfileView(thing).forms(plain)


@bundle.register
def _(thing: MemoryPlan, plain: str) -> dict[str, str]:
    return picture_forms(plain, memory_svg(thing), "the memory of a call at each step")


@bundle.register
def _(thing: Config | Values, plain: str) -> dict[str, str]:
    return {PLAIN: plain, HTML: table_html(thing.table)}


@bundle.register
def _(thing: Function, plain: str) -> dict[str, str]:
    return _below(_with_graph(thing, plain), FunctionSummary(thing).html())


@bundle.register
def _(thing: SharedVariable, plain: str) -> dict[str, str]:
    found = statistics(thing.get_value(borrow=True))
    columns = (">min", ">max", ">mean", ">std", ">nan", ">inf")
    values = (found.min, found.max, found.mean, found.std, found.nan, found.inf)
    head = f"{thing.name or 'shared'}: {found.dtype} {shape_text(found.shape)}"
    rows = table(columns, [map(number, values)], title=head, note=describe(thing))
    first = "\n".join(plain.splitlines()[1 + (" min " in plain) :])
    return {
        PLAIN: plain,
        HTML: f'{table_html(rows)}<div class="ari-table"><pre>{escape(first)}</pre></div>',
    }


@bundle.register
def _(thing: Variable, plain: str) -> dict[str, str]:
    latex = to_latex(thing)
    if thing.owner is None:
        return {PLAIN: plain, **({LATEX: f"${latex}$"} if thing.name else {})}
    forms = _with_graph(thing, plain)
    if latex is None:
        return forms
    shown = f"$\\displaystyle {latex}$"
    return _below({**forms, LATEX: shown}, _formula(shown))


def _formula(latex: str) -> str:
    return f'<style>{table_css()}</style><div class="ari-formula">{escape(latex)}</div>'


def _below(forms: dict[str, str], html: str) -> dict[str, str]:
    """The forms with HTML above what HTML they have; the picture goes if there is no room."""
    found = {**forms, HTML: f"{html}{forms.get(HTML, '')}"}
    if sum(len(text.encode()) for text in found.values()) > MAX_OUTPUT_BYTES:
        found.pop(SVG, None)
    return found


def _with_graph(thing: Any, plain: str) -> dict[str, str]:
    """The text with the explorer of the graph."""
    graph = view(thing)
    if len(graph.nodes) <= 1:
        return {PLAIN: plain}
    return explorer.mimebundle(graph, plain)
