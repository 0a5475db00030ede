"""Steps of the rewriting of a function, in words."""

from dataclasses import dataclass

from arignote.rewrite.replay import Step, StepKind

_OTHERS = {
    StepKind.MERGE: ("merge equal nodes", "equal nodes → one node"),
    StepKind.FOLD: ("fold constants", "f(constants) → constant"),
}


@dataclass(frozen=True, slots=True)
class PassStep:
    """One step of the rewriting of a function.

    Attributes
    ----------
    rule : str
        The rule that fired, or what else was done.
    tag : str
        What the rule is for; `merge` and `fold` where no rule fired.
    stage : str
        The pass in which it happened.
    equation : str
        What the rule looks for, and what it puts.
    contract : str
        How the values before and after compare.
    doc : str
        More about the rule.
    before, after : str
        The expressions of this function.
    where, line : str
        The place and the text of the user's line; of a gradient that of the node it belongs to.
    count : int
        How many nodes were merged or folded; 1 where a rule fired.
    """

    rule: str
    tag: str
    stage: str
    equation: str
    contract: str
    doc: str
    before: str
    after: str
    where: str
    line: str
    count: int


def pass_step(step: Step) -> PassStep:
    """A step in words."""
    stage, line = step.stage.value, None
    if step.firing is None:
        rule, about = _OTHERS[step.kind]
        tag, contract, more = step.kind.value, "", ""
    else:
        fired = step.firing.rule
        rule, tag, contract = fired.name, fired.tag.value, fired.contract.value
        about, more = str(fired), fired.details
        node = step.firing.before.owner
        while node is not None and node.gradient_of is not None:
            node = node.gradient_of
        line = node.source if node is not None else None
    where, text = (line.where, line.text) if line else ("", "")
    return PassStep(
        rule, tag, stage, about, contract, more, step.before, step.after, where, text, step.count
    )
