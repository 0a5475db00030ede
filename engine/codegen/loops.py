"""The writer of loop nests: a Kernel as one C function."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from arignote import types
from arignote.codegen.prelude import MEMBERS
from arignote.lower.fusion import is_call
from arignote.lower.kernel import (
    Accumulate,
    Compute,
    Gathered,
    Inner,
    Kernel,
    Load,
    Parameter,
    Position,
    Store,
    Total,
    Value,
)
from arignote.scalar import ScalarOp, add, cast_to, logical_and, logical_or, maximum, minimum, mul
from arignote.scalar.record import C_TYPES

# What can only be moved has types too.
STORED_TYPES = {
    **C_TYPES,
    "float16": "uint16_t",
    "complex64": "float _Complex",
    "complex128": "double _Complex",
}
SIGNATURE = (
    "(char *const *p, const int64_t *lo, const int64_t *hi, const int64_t *s,"
    " const arn_value *c, char *scratch)"
)
# Sums are rounded per block, then added in double precision.
BLOCK = 4096
# What a later phase computes again rather than keeps: a few operations, none of them a call.
CHEAP = 6
_CALL = 10


@dataclass(frozen=True)
class KernelText:
    """A kernel in C: the body after its name, and how many rows of 8 bytes an element it keeps."""

    body: str
    kept_rows: int

    def named(self, name: str) -> str:
        """The function's text under a name."""
        return f"int {name}{SIGNATURE}\n{self.body}"


def kernel_text(kernel: Kernel) -> KernelText:
    """The C text of a kernel."""
    return _Writer(kernel).write()


def weight(value: Value) -> int:
    """About how many additions a value takes to compute."""
    if not isinstance(value, Compute):
        return 0
    return _CALL if is_call(value.record, value.compute) else 1


@dataclass
class _Writer:
    kernel: Kernel
    lines: list[str] = field(default_factory=list)
    depth: int = 1
    kept: dict[int, int] = field(default_factory=dict)
    first: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        kernel = self.kernel
        self.full: list[bool] = []
        self.phase: list[int] = []
        for value in kernel.values:
            self.full.append(self._is_full(value))
            self.phase.append(self._phase_of(value))
        self.phases = 1 + max(self.phase, default=0)
        self.stored = {w.value: w.operand for w in kernel.writes if isinstance(w, Store)}

    # ---- analysis ---------------------------------------------------------------------------

    def _args(self, value: Value) -> tuple[int, ...]:
        if isinstance(value, Compute):
            return value.args
        return value.indices if isinstance(value, Gathered) else ()

    def _is_full(self, value: Value) -> bool:
        """Whether a value differs within a row."""
        split = self.kernel.split
        if isinstance(value, Position):
            return value.axis >= split
        if isinstance(value, Load | Gathered):
            moves = any(a >= split for a in self.kernel.operands[value.operand].axes)
            return moves or any(self.full[n] for n in self._args(value))
        return isinstance(value, Compute) and any(self.full[n] for n in value.args)

    def _is_inner(self, write: Store | Accumulate) -> bool:
        """Whether a write is made for each element of a row, not for each row."""
        is_store = isinstance(write, Store)
        axes = self.kernel.operands[write.operand].axes if is_store else write.axes
        return any(axis >= self.kernel.split for axis in axes)

    def _phase_of(self, value: Value) -> int:
        if isinstance(value, Total):
            return self.phase[value.arg] + 1
        return max((self.phase[n] for n in self._args(value)), default=0)

    def _needed(self, phase: int, roots: Sequence[int]) -> list[int]:
        """The values that the loop of a phase computes, in order."""
        found, waiting = set[int](), [n for n in roots if self.full[n]]
        while waiting:
            n = waiting.pop()
            if n in found:
                continue
            found.add(n)
            self.first.setdefault(n, phase)
            if not self._is_known(n, phase):
                waiting.extend(a for a in self._args(self.kernel.values[n]) if self.full[a])
        return sorted(found)

    def _is_known(self, n: int, phase: int) -> bool:
        """Whether a value of an earlier phase is read back rather than computed again."""
        if self.first[n] >= phase or not isinstance(self.kernel.values[n], Compute):
            return False
        if n in self.kept or (n in self.stored and self.phase[n] < phase):
            return True
        one_loop = self.kernel.split == self.kernel.rank - 1
        if not one_loop or self._cost(n) <= CHEAP:
            return False
        self.kept[n] = len(self.kept)
        return True

    def _cost(self, n: int) -> int:
        """What computing a value from loads takes."""
        found, waiting, cost = set[int](), [n], 0
        while waiting and cost <= CHEAP:
            n = waiting.pop()
            if n not in found and self.full[n]:
                found.add(n)
                cost += weight(self.kernel.values[n])
                waiting.extend(self._args(self.kernel.values[n]))
        return cost

    # ---- text -------------------------------------------------------------------------------

    def _line(self, text: str) -> None:
        self.lines.append("    " * self.depth + text)

    def _open(self, text: str) -> None:
        self._line(f"{text} {{")
        self.depth += 1

    def _close(self, count: int = 1) -> None:
        for _ in range(count):
            self.depth -= 1
            self._line("}")

    def write(self) -> KernelText:
        kernel, values = self.kernel, self.kernel.values
        plan = list(self._plan())
        for n, dtype in enumerate(kernel.parameters):
            self._line(f"const {STORED_TYPES[dtype]} c{n} = ({STORED_TYPES[dtype]})c[{n}].{MEMBERS[dtype]};")
        if self.kept:
            last = kernel.rank - 1
            self._line(f"const int64_t kept = (hi[{last}] - lo[{last}] + 7) & ~(int64_t)7;")
        for n, row in self.kept.items():
            type_ = STORED_TYPES[values[n].dtype]
            self._line(f"{type_} *const k{n} = ({type_} *)(scratch + {row} * 8 * kept);")
        self._declare_reductions()
        for write in kernel.writes:
            if isinstance(write, Accumulate):
                self._clear(write)
        for axis in range(kernel.split):
            self._loop(axis)
        for phase, roots, row_values in plan:
            for n in row_values:
                self._value(n)
            self._row_writes(phase)
            if roots:
                self._phase(phase, roots)
        self._close(kernel.split)
        self._line("return bad;")
        unused = [x for x in ("p", "lo", "hi", "s", "c", "scratch") if not self._mentions(x)]
        head = ["{", "    int bad = 0;", *[f"    (void){name};" for name in unused]]
        return KernelText("\n".join([*head, *self.lines, "}", ""]), len(self.kept))

    def _mentions(self, name: str) -> bool:
        return any(f"{name}[" in line or f"({name} +" in line for line in self.lines)

    def _plan(self) -> Iterator[tuple[int, list[Total | Store | Accumulate], list[int]]]:
        """For each phase what its loop is for, and the row's values that come before it."""
        kernel = self.kernel
        plan = []
        for phase in range(self.phases):
            roots: list[Total | Store | Accumulate] = [
                write
                for write in kernel.writes
                if self._is_inner(write) and self.phase[write.value] == phase
            ]
            roots += [
                value
                for value in kernel.values
                if isinstance(value, Total) and self.phase[value.arg] == phase
            ]
            rows = [
                n
                for n, value in enumerate(kernel.values)
                if not self.full[n]
                and self.phase[n] == phase
                and not isinstance(value, Parameter)
            ]
            # What is kept is found out before the loops that fill it are written.
            self._needed(phase, [self._source(root) for root in roots])
            plan.append((phase, roots, rows))
        return iter(plan)

    def _source(self, root: Total | Store | Accumulate) -> int:
        return root.arg if isinstance(root, Total) else root.value

    def _loop(self, axis: int) -> None:
        name = self._index(axis)
        self._open(f"for (int64_t {name} = lo[{axis}]; {name} < hi[{axis}]; ++{name})")

    def _index(self, axis: int) -> str:
        return "i" if axis == self.kernel.rank - 1 else f"i{axis}"

    def _pointer(self, operand: int, axes: Sequence[int]) -> str:
        """The text of an operand's address at the place of the loops over some axes."""
        rank = self.kernel.rank
        terms = [
            f"{self._index(a)} * s[{operand * rank + a}]"
            for a in self.kernel.operands[operand].axes
            if a in axes
        ]
        return " + ".join([f"p[{operand}]", *terms])

    def _name(self, n: int) -> str:
        value = self.kernel.values[n]
        return f"c{value.number}" if isinstance(value, Parameter) else f"v{n}"

    def _arg(self, n: int, dtype: str) -> str:
        """A value as an operand in a dtype."""
        have = self.kernel.values[n].dtype
        return self._name(n) if have == dtype else f"({STORED_TYPES[dtype]}){self._name(n)}"

    def _value(self, n: int, place: str = "") -> None:
        """Declares a value; `place` is what a load in the innermost loop reads."""
        value = self.kernel.values[n]
        type_ = STORED_TYPES[value.dtype]
        if isinstance(value, Total):
            text = f"({type_})t{self.kernel.values.index(value)}"
        elif isinstance(value, Position):
            text = self._index(value.axis)
        elif isinstance(value, Load):
            outer = range(self.kernel.split)
            text = place or f"*(const {type_} *)({self._pointer(value.operand, outer)})"
        elif isinstance(value, Gathered):
            text = self._gathered(value)
        else:
            assert isinstance(value, Compute)
            text = self._computed(value)
        self._line(f"const {type_} v{n} = {text};")

    def _gathered(self, value: Gathered) -> str:
        terms = [
            f"arn_wrap({self._arg(index, 'int64')}, c{size}, &bad) * c{stride}"
            for index, size, stride in zip(value.indices, value.sizes, value.strides, strict=True)
        ]
        base = self._pointer(value.operand, range(self.kernel.rank))
        return f"*(const {STORED_TYPES[value.dtype]} *)({' + '.join([base, *terms])})"

    def _computed(self, value: Compute) -> str:
        record, dtype = value.record, value.compute
        text = record.c_text(dtype)
        assert text is not None
        first, last, _ = slice(*record.promoted).indices(len(value.args))
        args = [
            self._arg(n, dtype) if first <= k < last else self._name(n)
            for k, n in enumerate(value.args)
        ]
        if record is cast_to(value.dtype) and types.kind(value.dtype) in "ui":
            if types.kind(dtype) == "f":
                self._line(f"bad |= !({args[0]} - {args[0]} == 0);")
        return text.format(*args, f="f" if dtype == "float32" else "")

    # ---- writes -----------------------------------------------------------------------------

    def _clear(self, write: Accumulate) -> None:
        """Sets what a job accumulates to the neutral element."""
        operand = self.kernel.operands[write.operand]
        for axis in operand.axes:
            self._loop(axis)
        place = self._pointer(write.operand, operand.axes)
        type_ = STORED_TYPES[operand.dtype]
        self._line(f"*({type_} *)({place}) = {unit_text(write.record, write.dtype)};")
        self._close(len(operand.axes))

    def _row_writes(self, phase: int) -> None:
        """Writes of values that are the same in the whole row."""
        outer = range(self.kernel.split)
        for write in self.kernel.writes:
            if self._is_inner(write) or self.phase[write.value] != phase:
                continue
            dtype = self.kernel.operands[write.operand].dtype
            place = f"*({STORED_TYPES[dtype]} *)({self._pointer(write.operand, outer)})"
            self._line(f"{place} = {self._combined(write, place)};")

    def _combined(self, write: Store | Accumulate, place: str) -> str:
        dtype = self.kernel.operands[write.operand].dtype
        value = self._arg(write.value, dtype)
        return value if isinstance(write, Store) else combine(write.record, dtype, place, value)

    def _declare_reductions(self) -> None:
        """Extrema that keep NaN; OpenMP's own need not."""
        found = {}
        for item in (*self.kernel.values, *self.kernel.writes):
            if isinstance(item, Total | Accumulate) and item.record in (maximum, minimum):
                found[f"arn_{item.record.name}_{item.dtype}"] = item
        for name, item in found.items():
            text = combine(item.record, item.dtype, "omp_out", "omp_in")
            self.lines.append(
                f"#pragma omp declare reduction({name}: {STORED_TYPES[item.dtype]}: omp_out = {text})"
                f" initializer(omp_priv = {unit_text(item.record, item.dtype)})"
            )

    def _is_local(self, root: Total | Store | Accumulate) -> bool:
        """Whether what a root combines has a variable of its own in the innermost loop."""
        if isinstance(root, Accumulate):
            return self.kernel.rank - 1 not in self.kernel.operands[root.operand].axes
        return isinstance(root, Total)

    def _local(self, root: Total | Store | Accumulate) -> str:
        if isinstance(root, Total):
            return f"t{self.kernel.values.index(root)}"
        return f"a{self.kernel.writes.index(root)}"

    def _phase(self, phase: int, roots: Sequence[Total | Store | Accumulate]) -> None:
        kernel, last = self.kernel, self.kernel.rank - 1
        for root in roots:
            if isinstance(root, Total):
                unit = unit_text(root.record, root.dtype)
                self._line(f"{wide(root)} {self._local(root)} = {unit};")
        middle = range(kernel.split, last)
        if not middle:
            self._open("")
        for axis in middle:
            self._loop(axis)
        self._innermost(phase, roots)
        self._close(max(len(middle), 1))

    def _innermost(self, phase: int, roots: Sequence[Total | Store | Accumulate]) -> None:
        kernel, last = self.kernel, self.kernel.rank - 1
        needed = self._needed(phase, [self._source(root) for root in roots])
        places = self._places(needed, roots, phase)
        local = [root for root in roots if self._is_local(root)]
        for root in local:
            if isinstance(root, Accumulate):
                self._line(f"{wide(root)} {self._local(root)} = {unit_text(root.record, root.dtype)};")
        sums = [root for root in local if wide(root) == "double" and root.record is add]
        start, stop = f"lo[{last}]", f"hi[{last}]"
        if sums:
            self._open(f"for (int64_t from = {start}; from < {stop}; from += {BLOCK})")
            self._line(f"const int64_t to = from + {BLOCK} < {stop} ? from + {BLOCK} : {stop};")
            start, stop = "from", "to"
            for root in sums:
                self._line(f"{STORED_TYPES[root.dtype]} b{self._local(root)} = 0;")
        mark = len(self.lines)
        self._open(f"for (int64_t i = {start}; i < {stop}; ++i)")
        self._body(phase, needed, roots, places, sums)
        self._close()
        pragma = self._pragma(local, sums, self.lines[mark:])
        self.lines[mark:mark] = pragma
        for root in sums:
            self._line(f"{self._local(root)} += b{self._local(root)};")
        if sums:
            self._close()
        for root in local:
            if isinstance(root, Accumulate):
                type_ = STORED_TYPES[root.dtype]
                pointer = self._pointer(root.operand, range(last))
                place = f"*({type_} *)({pointer})"
                value = f"({type_}){self._local(root)}"
                self._line(f"{place} = {combine(root.record, root.dtype, place, value)};")

    def _places(
        self, needed: Sequence[int], roots: Sequence[Total | Store | Accumulate], phase: int
    ) -> dict[int, str]:
        """Pointers of the row, declared; and what loads and writes are in the innermost loop."""
        kernel, last = self.kernel, self.kernel.rank - 1
        operands = {
            value.operand: False
            for n in needed
            if isinstance(value := kernel.values[n], Load)
        }
        operands |= {self.stored[n]: False for n in needed if self._read_back(n, phase)}
        operands |= {
            root.operand: True
            for root in roots
            if not isinstance(root, Total) and not self._is_local(root)
        }
        places = {}
        for operand, written in operands.items():
            shape = kernel.operands[operand]
            const, type_ = "" if written else "const ", STORED_TYPES[shape.dtype]
            pointer = self._pointer(operand, range(last))
            if last not in shape.axes and not written:
                self._line(f"const {type_} f{operand} = *(const {type_} *)({pointer});")
                places[operand] = f"f{operand}"
            elif shape.inner is Inner.STRIDED:
                self._line(f"{const}char *const q{operand} = {pointer};")
                stride = f"s[{operand * kernel.rank + last}]"
                places[operand] = f"*({const}{type_} *)(q{operand} + i * {stride})"
            else:
                self._line(f"{const}{type_} *const q{operand} = ({const}{type_} *)({pointer});")
                places[operand] = f"q{operand}[i]"
        return places

    def _read_back(self, n: int, phase: int) -> bool:
        return n not in self.kept and self._is_known(n, phase)

    def _body(
        self,
        phase: int,
        needed: Sequence[int],
        roots: Sequence[Total | Store | Accumulate],
        places: dict[int, str],
        sums: Sequence[Total | Store | Accumulate],
    ) -> None:
        kernel = self.kernel
        low = f"lo[{kernel.rank - 1}]"
        for n in needed:
            value = kernel.values[n]
            if self._is_known(n, phase):
                place = f"k{n}[i - {low}]" if n in self.kept else places[self.stored[n]]
                self._line(f"const {STORED_TYPES[value.dtype]} v{n} = {place};")
                continue
            self._value(n, places[value.operand] if isinstance(value, Load) else "")
            if n in self.kept and self.first[n] == phase:
                self._line(f"k{n}[i - {low}] = v{n};")
        for root in roots:
            if self._is_local(root):
                name = f"b{self._local(root)}" if root in sums else self._local(root)
                dtype = root.dtype  # type: ignore[union-attr]
                arg = self._arg(self._source(root), dtype)
                self._line(f"{name} = {combine(root.record, dtype, name, arg)};")  # type: ignore[union-attr]
            else:
                assert not isinstance(root, Total)
                place = places[root.operand]
                self._line(f"{place} = {self._combined(root, place)};")

    def _pragma(
        self,
        local: Sequence[Total | Store | Accumulate],
        sums: Sequence[Total | Store | Accumulate],
        body: Sequence[str],
    ) -> list[str]:
        """What tells the compiler to vectorise a loop, unless its body checks indices."""
        if any("&bad" in line for line in body):
            return []
        clauses = [
            f"reduction({_clause(root)}: {'b' if root in sums else ''}{self._local(root)})"
            for root in local
        ]
        if any("bad |=" in line for line in body):
            clauses.append("reduction(|: bad)")
        return [" ".join(["#pragma omp simd", *clauses])]


def wide(root: Total | Store | Accumulate) -> str:
    """The C type of the variable that a reduction runs in."""
    assert not isinstance(root, Store)
    is_sum = root.record is add and types.kind(root.dtype) == "f"
    return "double" if is_sum else C_TYPES[root.dtype]


def combine(record: ScalarOp, dtype: str, left: str, right: str) -> str:
    """Two values combined by a reduction's op."""
    text = record.c_text(dtype)
    assert text is not None
    return text.format(left, right, f="f" if dtype == "float32" else "")


def _clause(root: Total | Store | Accumulate) -> str:
    """The reduction of OpenMP that fits a reduction's op."""
    assert not isinstance(root, Store)
    if root.record in (maximum, minimum):
        return f"arn_{root.record.name}_{root.dtype}"
    if root.record is logical_or or (root.record is add and root.dtype == "bool"):
        return "||"
    if root.record is logical_and or (root.record is mul and root.dtype == "bool"):
        return "&&"
    return {add: "+", mul: "*"}[root.record]


def unit_text(record: ScalarOp, dtype: str) -> str:
    """The neutral element of a reduction in C."""
    unit = record.unit
    assert unit is not None
    if abs(unit) != float("inf"):
        return str(int(unit))
    if types.kind(dtype) == "f":
        return "-INFINITY" if unit < 0 else "INFINITY"
    if dtype == "bool":
        return "0" if unit < 0 else "1"
    name = dtype.upper()
    if unit < 0:
        return "0" if types.kind(dtype) == "u" else f"{name}_MIN"
    return f"{name}_MAX"


REDUCTIONS = (add, mul, maximum, minimum, logical_and, logical_or)
"""The records that reductions are written for."""
