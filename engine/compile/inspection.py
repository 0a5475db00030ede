"""What a function lets its user look at: its C source, and why kernels end where they do."""

from typing import TYPE_CHECKING

from arignote.compile.mode import Mode
from arignote.config import Linker
from arignote.errors import CompilerError, GraphError, message, near_names
from arignote.execute.c import KERNEL_TABLE
from arignote.execute.compiler import find_compiler
from arignote.execute.listing import listing, step_listing
from arignote.graph import Apply, FunctionGraph, Variable
from arignote.graph.describe import describe
from arignote.lower.names import Text
from arignote.lower.reasons import Reasons
from arignote.lower.steps import LoopProgram, LoopStep, ProductStep

if TYPE_CHECKING:
    from arignote.compile.compiled import Function

# How many nodes below what a rewrite replaced are looked at for a user's node.
MAX_SEARCH = 60


def code(f: "Function", prelude: bool = False, step: int | None = None) -> Text:
    """See `Function.code`."""
    if isinstance(f.program, LoopProgram):
        if step is not None:
            return _code_of_step(f.program, step, prelude)
        return listing(f.program, prelude)
    raise CompilerError(
        message(
            "There is no C source: NumPy runs this function.",
            got=[repr(f)],
            hint=_remedy(f.mode),
        )
    )


def _code_of_step(program: LoopProgram, step: int, prelude: bool) -> Text:
    """The kernel of one step; an error says what the step is if it has none."""
    count = len(program.computing)
    if not 1 <= step <= count:
        raise GraphError(
            message(f"there is no step {step}; steps are numbered 1 to {count}.", hint="f.program")
        )
    text = step_listing(program, step)
    if text is None:
        what = "BLAS" if isinstance(program.computing[step - 1], ProductStep) else "NumPy"
        raise CompilerError(message(f"step {step} is a call of {what}, which has no C source."))
    return Text(f"{KERNEL_TABLE.header}\n{text}") if prelude else text


def _remedy(mode: Mode) -> str:
    """What to do for a function to be compiled."""
    if mode.linker is Linker.NUMPY:
        return "config.linker = 'auto' and the mode FAST_RUN, before function(...)"
    try:
        find_compiler()
    except CompilerError as error:
        lines = str(error).splitlines()
        hints = [line.partition("try: ")[2].strip() for line in lines if "try: " in line]
        return "; ".join([lines[0].rstrip("."), *hints])
    return "arignote.doctor() tells what kept it from being compiled"


def why_not_fused(f: "Function", a: Variable | str, b: Variable | str) -> Text:
    """See `arignote.why_not_fused`."""
    pairs = [(_user_variable(f, x), x if isinstance(x, str) else "") for x in (a, b)]
    names = [given or _shown(x) for x, given in pairs]
    if names[0] == names[1] and pairs[0][0] is not pairs[1][0]:
        names = [f"the first {names[0]}", f"the second {names[1]}"]
    if not isinstance(f.program, LoopProgram):
        return Text("Nothing is fused: NumPy runs this function, a node at a time.")
    final = []
    for (x, _), name in zip(pairs, names, strict=True):
        found = _final(x, f.fgraph)
        if found is None:
            return Text(_gone(x, name, f))
        final.append(found)
    return Text(Reasons(f.program).explain(final[0], final[1], (names[0], names[1])))


def _shown(x: Variable) -> str:
    """A variable in a sentence: its name, or its op and where that was written."""
    if x.name is not None or x.owner is None or x.source is None:
        return str(x)
    return f"{x.owner.op} of {x.source.where}"


def _variables(graph: FunctionGraph) -> dict[Variable, None]:
    """All variables of a graph, inputs first."""
    found: dict[Variable, None] = dict.fromkeys([*graph.inputs, *graph.leaves])
    found.update(dict.fromkeys(out for node in graph.order for out in node.outputs))
    return found


def _user_variable(f: "Function", given: Variable | str) -> Variable:
    """The variable of a function's graph that is meant; GraphError if there is no such one."""
    known = _variables(f.graph)
    if isinstance(given, Variable):
        if given in known:
            return given
        for after, before in f.graph.origin.items():
            if given in before and after in known:
                return after
        raise GraphError(message(f"{given} is no variable of {f!r}.", got=[describe(given)]))
    if not isinstance(given, str):
        raise GraphError(
            message(
                f"a variable or its name is needed, not {given!r}.",
                hint="why_not_fused(f, 'h', 'loss')",
            )
        )
    found = [x for x in known if x.name == given]
    if len(found) == 1:
        return found[0]
    if found:
        text = f"{len(found)} variables of {f!r} are named {given}."
        raise GraphError(message(text, got=map(describe, found), hint="give the variable itself"))
    near = near_names(given, [x.name for x in known if x.name])
    raise GraphError(
        message(
            f"no variable of {f!r} is named {given!r}.",
            hint=f"{near[0]!r}" if near else "give the variable itself",
        )
    )


def _final(x: Variable, graph: FunctionGraph) -> Variable | None:
    """The variable of the graph that runs which stands for a user's variable."""
    known = _variables(graph)
    if x in known:
        return x
    found = [y for y, users in graph.origin.items() if x in users and y in known]
    return next((y for y in found if y.name == x.name), found[0] if found else None)


def _gone(x: Variable, name: str, f: "Function") -> str:
    """What became of a variable that nothing computes any more."""
    node = x.owner
    text = f"{name} is not computed any more"
    # Rewritten nodes are known by op and line, which in a loop many nodes have.
    if node is not None and sum(_is_copy(other, node) for other in f.graph.order) == 1:
        for firing in f.rewrites:
            before, after = firing.before.owner, firing.after.owner
            if before is not None and _is_copy(before, node):
                return f"{text}: the rewrite {firing.name} put {_brief(firing.after)} in its place."
            if _is_below(before, node) is True and _is_below(after, node) is False:
                return (
                    f"{text}: the rewrite {firing.name} put {_brief(firing.after)}, which does not"
                    f" need it, in place of {_brief(firing.before)}."
                )
    return f"{text}: after the rewrites nothing needs it."


def _is_below(root: Apply | None, node: Apply) -> bool | None:
    """Whether a node needs the rewritten form of a user's node; None if it would take long."""
    seen: dict[Apply | None, None] = {root: None}
    waiting = [root]
    while waiting:
        found = waiting.pop(0)
        for x in found.inputs if found is not None else ():
            if x.owner is None or x.owner in seen:
                continue
            if _is_copy(x.owner, node):
                return True
            if len(seen) > MAX_SEARCH:
                return None
            seen[x.owner] = None
            waiting.append(x.owner)
    return False


def _is_copy(node: Apply, of: Apply) -> bool:
    """Whether a node of a rewritten graph is a user's node with rewritten inputs."""
    return (node.op, node.source, node.gradient_of) == (of.op, of.source, of.gradient_of)


def _brief(x: Variable) -> str:
    return str(x) if x.owner is None else str(x.owner.op)


def step_of(f: "Function", x: Variable | str) -> int:
    """The number of the step that computes a variable of a function, as `f.program` counts.

    Raises
    ------
    GraphError
        No step computes it: it is an input, a view, or gone after the rewrites.
    """
    variable = _user_variable(f, x)
    name = x if isinstance(x, str) else _shown(variable)
    final = _final(variable, f.fgraph)
    if final is None:
        raise GraphError(message(_gone(variable, name, f)))
    steps = f.program.computing if isinstance(f.program, LoopProgram) else f.program.steps
    for number, step in enumerate(steps, 1):
        nodes = step.loops.nodes if isinstance(step, LoopStep) else (step.node,)
        if final.owner in nodes:
            return number
    what = "an input" if final.owner is None else f"a view ({final.owner.op}) of what steps compute"
    raise GraphError(message(f"no step computes {name}: it is {what}.", got=[describe(final)]))
