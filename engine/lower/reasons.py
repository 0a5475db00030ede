"""Why two values of a program are computed by one kernel, or are not."""

from collections.abc import Iterable

from arignote.graph import Apply, Constant, SharedVariable, Variable
from arignote.lower.fusion import CAP, GENERATION, Group, Kind
from arignote.lower.steps import LoopProgram, LoopStep, NodeStep, ProductStep
from arignote.ops.view import BroadcastTo, DimShuffle


class Reasons:
    """What explains the fusion of one program."""

    def __init__(self, program: LoopProgram) -> None:
        self.program, self.fused, self.names = program, program.fused, program.names
        self.steps = program.computing
        self.step_of: dict[Apply, int] = {}
        self.copies: dict[Variable, list[int]] = {}
        for number, step in enumerate(self.steps, 1):
            if not isinstance(step, LoopStep):
                self.step_of[step.node] = number
                continue
            self.step_of.update(dict.fromkeys(step.loops.nodes, number))
            for x in step.loops.names:
                if x is not None and x.owner in self.fused.inlined:
                    self.copies.setdefault(x, []).append(number)

    def explain(self, a: Variable, b: Variable, names: tuple[str, str]) -> str:
        """One or two sentences on two variables of the program's graph, which have these names."""
        first, second = names
        if a is b:
            return f"{first} and {second} are one value: what is equal is computed once."
        for x, name, other in ((a, first, second), (b, second, first)):
            alone = self._alone(x, name)
            if alone is not None:
                return f"{first} and {second} are not fused: {alone}."
            if x.owner in self.fused.inlined:
                return self._of_inlined(x, name, b if x is a else a, other)
        home, other_home = self._home(a), self._home(b)
        if home == other_home:
            return f"{first} and {second} are fused: {self._step(home)} computes both."
        text = f"{first} and {second} are not fused: {self._step(home)} computes {first}, "
        text += f"{self._step(other_home)} {second}"
        reason = self._reason(a, b, names)
        return f"{text}. {reason[0].upper()}{reason[1:]}."

    # ---- what has no kernel -----------------------------------------------------------------

    def _alone(self, x: Variable, name: str) -> str | None:
        """Why no kernel computes a variable, if none does."""
        node = x.owner
        if node is None:
            kind = "a constant" if isinstance(x, Constant) else "an input"
            kind = "a shared variable" if isinstance(x, SharedVariable) else kind
            return f"{name} is {kind}; nothing computes it, kernels read it where they need it"
        if node in self.fused.hosts:
            return f"{name} follows from sizes alone and is found once for each tuple of sizes"
        if node in self.fused.inlined:
            return None
        number = self.step_of.get(node)
        if number is None:
            if node in self.fused.views:
                base = self.names(_base(x, self.fused.views))
                return f"{name} is only a view of {base}; kernels read it through its strides"
            return f"nothing that is left needs {name}"
        step = self.steps[number - 1]
        if isinstance(step, ProductStep):
            return f"{name} is a product by BLAS (step {number}), a library that no loop enters"
        if isinstance(step, NodeStep):
            return f"NumPy computes {name} (step {number}): there are no loops for {node.op}"
        return None

    def _of_inlined(self, x: Variable, name: str, y: Variable, other: str) -> str:
        steps = self.copies.get(x, [])
        text = f"{name} is cheap, so that each kernel that needs it computes it again: "
        text += f"step{'' if len(steps) == 1 else 's'} {', '.join(map(str, steps)) or '-'}"
        at = self.copies.get(y, []) if y.owner in self.fused.inlined else [self._home(y)]
        if set(at) & set(steps):
            return f"{name} and {other} are fused: {text}, and there {other} is computed too."
        return f"{name} and {other} are not fused: {text}; none of these computes {other}."

    # ---- two kernels ------------------------------------------------------------------------

    def _home(self, x: Variable) -> int:
        assert x.owner is not None
        return self.step_of.get(x.owner, 0)

    def _step(self, number: int) -> str:
        if not number:
            return "no step"
        step = self.steps[number - 1]
        over = f" over {self.names.sizes(step.loops.domain)}" if isinstance(step, LoopStep) else ""
        return f"step {number}{over}"

    def _reason(self, a: Variable, b: Variable, names: tuple[str, str]) -> str:
        if b in self._above([a]):
            a, b, names = b, a, names[::-1]
        above = self._above([b])
        if a in above:
            return self._break(a, above, names)
        return self._apart(a, b, names)

    def _above(self, variables: Iterable[Variable]) -> set[Variable]:
        """All that variables are computed from, themselves included."""
        found, waiting = set[Variable](), list(variables)
        while waiting:
            x = waiting.pop()
            if x not in found:
                found.add(x)
                if x.owner is not None:
                    waiting.extend(x.owner.inputs)
        return found

    def _break(self, a: Variable, above: set[Variable], names: tuple[str, str]) -> str:
        """Where on the way from a variable to another the kernel of the first ends, and why."""
        assert a.owner is not None
        group = self.fused.group_of.get(a.owner)
        inside = {a}
        for node in self.program.graph.order:
            out = node.outputs[0]
            used = [x for x in node.inputs if x in inside]
            if out not in above or not used or out is a:
                continue
            passes = type(node.op) in (DimShuffle, BroadcastTo) and node in self.fused.views
            if passes or node in self.fused.inlined or self.fused.group_of.get(node) is group:
                inside.update(node.outputs)
                continue
            source = _base(used[0], self.fused.views)
            return self._why(node, source, group)
        return f"{names[1]} is written to memory anew, in another order of its axes"

    def _why(self, node: Apply, x: Variable, group: Group | None) -> str:
        """Why a node that needs a variable is not in the variable's kernel."""
        fused, shown = self.fused, self.names
        out, name = shown(node.outputs[0]), shown(x)
        kind = fused.kinds[node]
        if node in fused.views:
            return f"{node.op} between them looks at {name} in memory, after all of it is there"
        if kind in (Kind.PRODUCT, Kind.OTHER):
            by = "BLAS" if kind is Kind.PRODUCT else "NumPy"
            return f"{by} computes {node.op} between them and needs all of {name} in memory"
        if kind is Kind.GATHER and x in self._through(node.inputs[0]):
            return f"{out} reads {name} at computed indices, after all of it is there"
        for y in (y for given in node.inputs for y in self._through(given)):
            if group is not None and self._ends(y, group):
                return f"{shown(y)} is known only at the end of its kernel, and {out} needs it"
        if group is None:
            return f"{name} is written to memory anew, in another order of its axes"
        late = [
            y
            for y in node.inputs
            if fused.stage.get(y, -1) > group.stage and x not in self._through(y)
        ]
        if late:
            needed = _base(late[0], fused.views)
            step = f"step {self._home(needed)}"
            return f"{out} also needs {shown(needed)}, which is known only after {step}"
        anew = [y for y in node.inputs if y not in fused.spots and group in self._groups(y)]
        if anew:
            how = "computed anew" if anew[0].owner in fused.inlined else "a view"
            return f"{out} needs {shown(anew[0])}, {how} from what {name}'s step leaves in memory"
        operand = node.inputs[0] if kind is Kind.REDUCTION else node.outputs[0]
        domain = tuple(k for k in self.program.table.keys(operand.type.dims) if k != 1)
        if domain != group.domain:
            mine, its = shown.sizes(group.domain), shown.sizes(domain)
            return f"a kernel runs over one domain: that of {name} is {mine}, that of {out} {its}"
        if group.is_full:
            return f"the kernel of {name} is full: {CAP} operations, more run slower"
        return f"{out} needs {name} with its axes in another order"

    def _ends(self, x: Variable, group: Group) -> bool:
        """Whether a variable is a reduction of a group that the group itself cannot use."""
        node, spot = x.owner, self.fused.spots.get(x)
        if node is None or self.fused.group_of.get(node) is not group:
            return False
        return self.fused.kinds[node] is Kind.REDUCTION and (
            spot is None or spot.group is not group
        )

    def _groups(self, x: Variable) -> set[Group | None]:
        """The groups that make what a view, or what is computed anew, is made from."""
        owners = [y.owner for y in self._through(x)]
        return {self.fused.group_of[node] for node in owners if node in self.fused.group_of}

    def _through(self, x: Variable) -> set[Variable]:
        """A variable and what it is a view of, or computed from in each kernel anew."""
        found, waiting = set[Variable](), [x]
        while waiting:
            x = waiting.pop()
            found.add(x)
            if x.owner in self.fused.views:
                waiting.append(x.owner.inputs[0])
            elif x.owner in self.fused.inlined:
                waiting.extend(x.owner.inputs)
        return found

    def _apart(self, a: Variable, b: Variable, names: tuple[str, str]) -> str:
        """Why two values that do not need each other are in two kernels."""
        groups = [self.fused.group_of.get(x.owner) for x in (a, b)]  # type: ignore[arg-type]
        one, two = groups
        text = "Neither needs the other, "
        if one is None or two is None:
            return f"{text}and one is only written to memory anew, in another order of its axes"
        if one.domain != two.domain:
            domains = self.names.sizes(one.domain), self.names.sizes(two.domain)
            return f"{text}and they run over different domains, {domains[0]} and {domains[1]}"
        if one.stage > two.stage:
            (one, two), names = (two, one), names[::-1]
        first = one.stage // GENERATION * GENERATION
        late = self._awaited(two, first) if two.stage >= first + GENERATION else None
        if late is not None:
            step = f"step {self._home(late)}"
            return f"{text}but the kernel of {names[1]} waits for {self.names(late)} of {step}"
        return f"{text}and the kernel of {names[0]} is full: {CAP} operations, more run slower"

    def _awaited(self, group: Group, stage: int) -> Variable | None:
        """Something that a group needs and that is only known after a stage."""
        members = set(group.members)
        for node in group.members:
            for given in node.inputs:
                for x in self._through(given):
                    made = x.owner
                    if made is None or made in members or made not in self.step_of:
                        continue
                    if self.fused.stage.get(x, -1) >= stage:
                        return x
        return None


def _base(x: Variable, views: set[Apply]) -> Variable:
    """What a variable is a view of."""
    while x.owner in views:
        x = x.owner.inputs[0]
    return x
