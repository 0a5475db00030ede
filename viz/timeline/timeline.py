"""The document of a timeline: a graph, and what each step changes of it, for the page's script."""

from collections.abc import Mapping, Sequence
from typing import Any

from arignote.graph import Apply, Variable
from arignote.rewrite.mirror import MirrorNode, Ref, built
from arignote.rewrite.replay import Replay
from arignote.viz.drawing.build import type_text
from arignote.viz.drawing.model import GraphView
from arignote.viz.explorer.document import document
from arignote.viz.timeline.steps import PassStep

Json = dict[str, Any]


def timeline_document(
    title: str, replay: Replay, steps: Sequence[PassStep], shown: int | None = None
) -> Json:
    """What the page's script needs, as plain data.

    Nodes are numbered by their keys; 0 is who reads the results. A graph is a list of
    `[key, inputs]`, an input is a key or `[key, output]`; in a change `inputs` may be null: gone.

    Parameters
    ----------
    title : str
    replay : Replay
    steps : sequence of PassStep
        Of the replay, in words.
    shown : int, optional
        How many steps it holds; by default all.
    """
    changes = replay.steps[:shown]
    rules = {step.rule: _rule(step) for step in steps[:shown]}
    numbers = {name: number for number, name in enumerate(rules)}
    stages = {stage: number for number, stage in enumerate(replay.seconds)}
    found = {
        "title": title,
        "nodes": _entries(_all_nodes(replay, len(changes)), replay),
        "start": [[key, _inputs(node.inputs)] for key, node in replay.start.items()],
        "outputs": len(replay.original.outputs),
        "updates": [str(target) for target, _ in replay.original.updates],
        "rules": list(rules.values()),
        "stages": [{"name": s.value, "ms": round(t * 1e3, 4)} for s, t in replay.seconds.items()],
        "steps": [
            _filled(
                rule=numbers[words.rule],
                stage=stages[step.stage],
                before=words.before,
                after=words.after,
                where=words.where,
                line=words.line,
                count=words.count if step.firing is None else None,
                root=step.root,
                changes=[
                    [key, None if new is None else _inputs(new.inputs)]
                    for key, _, new in step.changes
                ],
            )
            for step, words in zip(changes, steps, strict=False)
        ],
    }
    if len(changes) < len(replay.steps):
        found["note"] = f"the first {len(changes)} of {len(replay.steps)} steps"
    return found


def _rule(step: PassStep) -> Json:
    return _filled(
        name=step.rule, tag=step.tag, equation=step.equation, contract=step.contract, doc=step.doc
    )


def _filled(**entries: Any) -> Json:
    """The entries that say something."""
    return {key: value for key, value in entries.items() if value not in ("", None)}


def _inputs(refs: Sequence[Ref]) -> list[int | list[int]]:
    return [[ref.key, ref.output] if ref.output else ref.key for ref in refs]


def _all_nodes(replay: Replay, count: int) -> dict[int, MirrorNode]:
    """Every node of the first so many steps, with the inputs that it came with."""
    found = dict(replay.start)
    for step in replay.steps[:count]:
        found.update({key: new for key, old, new in step.changes if old is None and new})
    return found


def _entries(nodes: Mapping[int, MirrorNode], replay: Replay) -> list[Json | None]:
    """What is shown of each node, by key."""
    _, made = built(nodes, replay.original)
    keys: dict[Apply | Variable, int] = {thing: key for key, thing in made.items()}
    values = [x for thing in made.values() for x in _values(thing)]
    view = GraphView.from_variables(values, copies=False)
    ordered = {edge.end for edge in view.edges if edge.ordered}
    entries: list[Json | None] = [None] * (max(nodes) + 1)
    for number, entry in enumerate(document(view)["nodes"]):
        thing = view.stands_for[number]
        # Which are outputs differs from step to step.
        shown = {key: value for key, value in entry.items() if key not in ("of_output", "outputs")}
        if number in ordered:
            shown["ordered"] = 1
        if isinstance(thing, Apply) and len(thing.outputs) > 1:
            shown["types"] = [type_text(x.type) for x in thing.outputs]
        entries[keys[thing]] = shown
    return entries


def _values(thing: Apply | Variable) -> tuple[Variable, ...]:
    return thing.outputs if isinstance(thing, Apply) else (thing,)
