"""Plans of memory: what the C executor, or NumPy's, allocates in a call, and for how long."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from arignote.compile.link import Linked, link_numpy
from arignote.compile.memory import UNUSED, MemoryPlan, Plan, Role, Shape
from arignote.errors import ArignoteError, InputError, message
from arignote.execute.c import Native
from arignote.execute.numpy import FAILURES
from arignote.execute.profile import StepInfo
from arignote.execute.recipe import UnfitError
from arignote.execute.shapes import ShapeRun
from arignote.execute.timed import step_infos
from arignote.execute.workspace import ALIGNMENT
from arignote.graph import Constant, FunctionGraph, Variable
from arignote.lower import Program
from arignote.lower.names import Names, user_name, where_text
from arignote.lower.sizes import CallSizes, SizeTable, dummy
from arignote.lower.steps import AliasStep, LoopProgram, NodeStep, Part
from arignote.rewrite.sizes import EqualSizes

if TYPE_CHECKING:
    from arignote.compile.compiled import Function


def memory(f: "Function", args: Sequence[Any], kwargs: Mapping[str, Any]) -> MemoryPlan:
    """See `Function.memory`."""
    given = f._bind(args, kwargs)
    shapes: list[Shape] = []
    values: dict[Variable, Any] = {}
    for n, (x, value) in enumerate(zip(f.inputs, given, strict=True)):
        if is_shape(value, x.type.ndim):
            shapes.append(tuple(value))
            continue
        check, downcast = f._filters[n]
        try:
            array = check(value, downcast=downcast)
        except InputError as error:
            hint = "a value, or the shape as a tuple: f.memory((128, 784))"
            raise InputError(message(f"input {x}: {error}", hint=hint)) from None
        shapes.append(array.shape)
        values[f.graph.inputs[n]] = array
    return memory_of_shapes(f, shapes, values)


def is_shape(value: Any, ndim: int) -> bool:
    """Whether a value is the shape of an array of so many axes."""
    if not isinstance(value, tuple) or len(value) != ndim:
        return False
    return all(isinstance(size, int) and size >= 0 for size in value)


def memory_of_shapes(
    f: "Function", shapes: Sequence[Shape], values: Mapping[Variable, Any] | None = None
) -> MemoryPlan:
    """The memory of a call with inputs of these shapes; see `Function.memory`.

    Parameters
    ----------
    f : Function
    shapes : sequence of tuple
    values : mapping of Variable to ndarray, optional
        Inputs of the function's graph whose values are known.
    """
    return _planned(f, shapes, values or {})


def memory_if_known(f: "Function", shapes: Sequence[Shape]) -> MemoryPlan | None:
    """As `memory_of_shapes`; None where something would have to be made first, or does not fit."""
    if not f.wait(0):
        return None
    linked = f._running.settled()
    try:
        arrays, known = _given(f, linked, shapes, {})
        if linked.check is not None and not linked.check([*arrays.values()]):
            return None
        if linked.native is not None:
            return _native_plan(f, linked.native, arrays, known)
        return _numpy_plan(f, linked, arrays, known)
    except (UnfitError, ArignoteError, *FAILURES):
        return None


def _planned(f: "Function", shapes: Sequence[Shape], values: Mapping[Variable, Any]) -> MemoryPlan:
    f.wait()
    linked = f._running.settled()
    arrays, known = _given(f, linked, shapes, values)
    if linked.check is not None and not linked.check([*arrays.values()]):
        linked = f._for_all_sizes()
        f.wait()
        arrays, known = _given(f, linked, shapes, values)
    if linked.native is not None:
        try:
            return _native_plan(f, linked.native, arrays, known)
        except UnfitError:
            linked = link_numpy(f.graph, f.mode, f._shared, equal_sizes=False)
            arrays, known = _given(f, linked, shapes, values)
    return _numpy_plan(f, linked, arrays, known)


def _given(
    f: "Function", linked: Linked, shapes: Sequence[Shape], values: Mapping[Variable, Any]
) -> tuple[dict[Variable, np.ndarray], set[Variable]]:
    """What a call is given, as far as it matters, and of what the values are known."""
    _check_types(f, shapes)
    inputs = [
        values[x] if x in values else dummy(x, shape)
        for x, shape in zip(f.graph.inputs, shapes, strict=True)
    ]
    arrays: dict[Variable, np.ndarray] = dict(zip(linked.graph.inputs, inputs, strict=True))
    known = {x for x, own in zip(arrays, f.graph.inputs, strict=True) if own in values}
    arrays.update([(x, x.get_value(borrow=True)) for x in f._shared])
    return arrays, known.union(f._shared)


def _check_types(f: "Function", shapes: Sequence[Shape]) -> None:
    for x, shape in zip(f.inputs, shapes, strict=True):
        static = x.type.shape
        fits = len(shape) == len(static) and all(
            size in (None, got) for size, got in zip(static, shape, strict=True)
        )
        if not fits:
            raise InputError(message(f"input {x} is {x.type}; it has no shape {shape}."))


def _title(f: "Function", executor: str) -> str:
    return f"{f.name or repr(f)} with {executor}"


def _leaves(plan: Plan, arrays: Mapping[Variable, np.ndarray], graph: FunctionGraph) -> None:
    """Holds what is there before the call, for all steps."""
    last = len(plan.steps) - 1
    seen: set[int] = set()
    for x, array in arrays.items():
        role = Role.INPUT if x in graph.inputs else Role.SHARED
        if role is Role.INPUT or id(array) not in seen:
            seen.add(id(array))
            name = user_name(x, graph.origin) or str(x)
            plan.hold(name, role, array.nbytes, 0, last, _type(x, array.shape))
    for x in graph.constants:
        plan.hold(str(x), Role.CONSTANT, x.data.nbytes, 0, last, _type(x, x.data.shape))


def _named(names: Names, x: Variable, graph: FunctionGraph) -> str:
    """The name of a variable; of a new value that of whose it is."""
    target = next((target for target, value in graph.updates if value is x), None)
    return names.labelled(x) if target is None else f"new {names(target)}"


def _type(x: Variable, shape: Shape) -> str:
    return f"{x.type.dtype} {tuple(shape)}"


def _where(x: Variable) -> str:
    return "" if x.owner is None else where_text(x.owner)


def _copies(plan: Plan, f: "Function", results: Sequence[tuple[Variable, bool, int]]) -> None:
    """Holds, at a last step, copies of results that are somebody else's memory."""
    taken: set[Variable] = set()
    copied = []
    for n, (x, is_own, size) in enumerate(results):
        if not f._borrowed[n] and (not is_own or x in taken):
            copied.append((x, size))
        taken.add(x)
    if copied:
        plan.steps.append("copies of results")
        for x, size in copied:
            last = len(plan.steps) - 1
            plan.hold(f"copy of {x}", Role.OUTPUT, size, last, last, where=_where(x))


# ---- C --------------------------------------------------------------------------------------


def _native_plan(
    f: "Function", native: Native, given: Mapping[Variable, np.ndarray], known: set[Variable]
) -> MemoryPlan:
    program, plan = native.program, Plan()
    names, infos, arrays = program.names, step_infos(program), dict(given)
    later: list[tuple[Variable, int, int]] = []
    kept = 0
    for number, step in enumerate(program.steps):
        start = len(plan.steps)
        if isinstance(step, Part):
            plan.steps += [infos[s].brief for s in step.steps if not isinstance(s, AliasStep)]
            frame = native._frame(number, step, (), arrays)
            sizes, _ = native._sizes(number, arrays)
            for x, shape in zip(step.outputs, frame.shapes, strict=True):
                arrays[x] = dummy(x, shape)
                later.append((x, start, arrays[x].nbytes))
            kept = _workspace(plan, step, sizes, names, start, max(kept, frame.room))
            for x in step.inputs:
                if x in known and not _fits(arrays[x]):
                    name = f"copy of {names(x)}"
                    last = len(plan.steps) - 1
                    plan.hold(name, Role.INTERMEDIATE, arrays[x].nbytes, start, last)
        else:
            plan.steps.append(infos[step].brief)
            for x, array in zip(step.outputs, _node_shapes(plan, native, number, step, arrays),
                                strict=True):  # fmt: skip
                arrays[x] = array
                later.append((x, start, 0 if step.is_view else array.nbytes))
            plan.hold(UNUSED, Role.INTERMEDIATE, kept, start, start)
    own = {x for step in program.steps for x in step.outputs if isinstance(step, Part)}
    own |= {
        x for s in program.steps if isinstance(s, NodeStep) and not s.is_view for x in s.outputs
    }
    results = program.graph.results
    sizes_of = {**{x: array.nbytes for x, array in arrays.items()}}
    host = native._sizes(len(program.steps), arrays)[1]
    found = [
        (x, x in own, sizes_of.get(x) or (host[x].nbytes if x in host else _constant_bytes(x)))
        for x in results
    ]
    _copies(plan, f, found)
    _leaves(plan, given, program.graph)
    for x, first, size in later:
        role = Role.OUTPUT if x in results else Role.INTERMEDIATE
        text = _type(x, arrays[x].shape)
        name = _named(names, x, program.graph)
        plan.hold(name, role, size, first, len(plan.steps) - 1, text, _where(x))
    return plan.finished(_title(f, "C"))


def _fits(array: np.ndarray) -> bool:
    return array.flags.c_contiguous and array.flags.aligned


def _constant_bytes(x: Variable) -> int:
    return int(x.data.nbytes) if isinstance(x, Constant) else 0


def _node_shapes(
    plan: Plan, native: Native, number: int, step: NodeStep, arrays: dict[Variable, np.ndarray]
) -> list[np.ndarray]:
    """Arrays whose elements do not matter, as a node gives them."""
    _, hosts = native._sizes(number, arrays)
    run = ShapeRun()
    for x in step.inputs:
        if x in hosts:
            run.know(x, hosts[x])
        elif isinstance(x, Constant):
            run.know(x, x.data)
        else:
            run.see(x, arrays[x])
    run.step(step.node)
    plan.is_bound |= run.is_bound
    place = len(plan.steps) - 1
    plan.hold(f"within {step.node.op.name}", Role.INTERMEDIATE, run.temporary, place, place)
    return [run.values[x] for x in step.outputs]


def _workspace(
    plan: Plan, part: Part, sizes: CallSizes, names: Names, start: int, room: int
) -> int:
    """Holds what lies in the workspace of a part, and what of that is not in use; its size."""
    steps = [step for step in part.steps if not isinstance(step, AliasStep)]
    root: dict[Variable, Variable] = {}
    first: dict[Variable, int] = {}
    last: dict[Variable, int] = {}
    n = 0
    for step in part.steps:
        for x in step.inputs:
            last[root.get(x, x)] = n
        for x in step.outputs:
            if isinstance(step, AliasStep):
                root[x] = root.get(step.inputs[0], step.inputs[0])
            else:
                first[x] = last[x] = n
        n += not isinstance(step, AliasStep)
    # Where one value takes the place of another in a step, the step counts for the new one.
    over = {x for piece in part.pieces for x, new in pairwise(piece) if first[new] == last[x]}
    used = [0] * len(steps)
    for x in part.slots:
        end = min(last[x], len(steps) - 1) - (x in over)
        shape = sizes.shape(x)
        size = prod(shape) * x.type.numpy_dtype.itemsize
        text = _type(x, shape)
        plan.hold(names(x), Role.INTERMEDIATE, size, start + first[x], start + end, text, _where(x))
        for place in range(first[x], end + 1):
            used[place] += size
    space = room + ALIGNMENT if room else 0
    for place, size in enumerate(used):
        plan.hold(UNUSED, Role.INTERMEDIATE, space - size, start + place, start + place)
    return room


# ---- NumPy ----------------------------------------------------------------------------------


def _numpy_plan(
    f: "Function", linked: Linked, given: Mapping[Variable, np.ndarray], known: set[Variable]
) -> MemoryPlan:
    graph, program, plan, run = linked.graph, linked.program, Plan(), ShapeRun()
    if isinstance(program, LoopProgram):
        raise ArignoteError(f"{f!r} is not compiled yet.")
    assert isinstance(program, Program)
    for x, array in given.items():
        (run.know if x in known else run.see)(x, array)
    for x in graph.constants:
        run.know(x, x.data)
    names = Names(
        graph, SizeTable(EqualSizes(graph, False)), [x for n in graph.order for x in n.outputs]
    )
    variables: dict[int, Variable] = {}
    last: dict[Variable, int] = {}
    for n, step in enumerate(program.steps):
        node = step.node
        plan.steps.append(StepInfo(n + 1, "numpy", names.equation(node), (node,)).brief)
        run.step(node)
        variables.update(zip(step.outputs, node.outputs, strict=True))
        plan.hold(f"within {node.op.name}", Role.INTERMEDIATE, run.temporary, n, n)
        for slot in step.dead:
            if slot in variables:
                base = run.base(variables[slot])
                last[base] = max(last.get(base, 0), n)
    plan.is_bound = run.is_bound
    results = [run.base(x) for x in graph.results]
    _copies(plan, f, [
        (x, base is x and x.owner is not None, run.values[x].nbytes)
        for x, base in zip(graph.results, results, strict=True)
    ])  # fmt: skip
    end = len(plan.steps) - 1
    kept = _kept(run, program, variables, set(results))
    for n, step in enumerate(program.steps):
        for x in step.node.outputs:
            if run.base(x) is x:
                role = Role.OUTPUT if x in results else Role.INTERMEDIATE
                stop = end if x in kept else last.get(x, n)
                array = run.values[x]
                text = _type(x, array.shape)
                plan.hold(_named(names, x, graph), role, array.nbytes, n, stop, text, _where(x))
    _leaves(plan, given, graph)
    return plan.finished(_title(f, "NumPy"))


def _kept(
    run: ShapeRun, program: Program, variables: Mapping[int, Variable], results: set[Variable]
) -> set[Variable]:
    """What is never freed during the call."""
    dead = {slot for step in program.steps for slot in step.dead}
    return results | {run.base(x) for slot, x in variables.items() if slot not in dead}
