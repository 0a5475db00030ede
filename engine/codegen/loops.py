"""The writer of loop nests: a Kernel as one C function."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from arignote import types
from arignote.codegen.parameters import read_again
from arignote.codegen.parts import Part, Parts
from arignote.codegen.phases import Phases, Reducing, source
from arignote.codegen.prelude import MEMBERS
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
)
from arignote.lower.limits import Watch
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
# Sums are rounded per block, then added in double precision; the parts of a phase take turns at it.
BLOCK = 512
# Whether a value is none of those that are watched for.
_ORDINARY = {
    Watch.NAN: "{0} == {0}",
    Watch.NON_FINITE: "{0} - {0} == 0",
    Watch.BIG: "fabs{f}({0}) <= 1e10{f}",
}
# What a kernel returns, as bits: that it failed, that it wrote what is watched for.
WATCHED_BIT = 2
# As wide as the values, so that loops over them stay as they are when they are vectorised.
_FLAGS = {"float32": ("odd32", "uint32_t"), "float64": ("odd64", "uint64_t")}


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


class _Writer:
    """The text of one kernel, line by line."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.last = kernel.rank - 1
        self.phases = Phases(kernel)
        self.lines: list[str] = []
        self.depth = 1
        self.read_again = read_again(kernel)

    def _line(self, text: str) -> None:
        self.lines.append("    " * self.depth + text)

    def _open(self, text: str) -> None:
        self._line(f"{text} {{" if text else "{")
        self.depth += 1

    def _close(self, count: int = 1) -> None:
        for _ in range(count):
            self.depth -= 1
            self._line("}")

    def write(self) -> KernelText:
        kernel = self.kernel
        for n, dtype in enumerate(kernel.parameters):
            type_ = STORED_TYPES[dtype]
            if n in self.read_again:
                self._line(f"const {type_} *const c{n} = &c[{n}].{MEMBERS[dtype]};")
            else:
                self._line(f"const {type_} c{n} = ({type_})c[{n}].{MEMBERS[dtype]};")
        self._declare_kept()
        self._declare_reductions()
        for write in kernel.writes:
            if isinstance(write, Accumulate):
                self._clear(write)
        for axis in range(kernel.split):
            self._begin_sums(axis)
            self._loop(axis)
        self._begin_sums(kernel.split)
        for phase in range(self.phases.count):
            for n in self.phases.row_values(phase):
                if not isinstance(kernel.values[n], Parameter):
                    self._value(n)
            self._row_writes(phase)
            if self.phases.roots[phase]:
                self._phase(phase)
        self._end_sums(kernel.split)
        for axis in reversed(range(kernel.split)):
            self._close()
            self._end_sums(axis)
        noted = "".join(f" | ({name} ? {WATCHED_BIT} : 0)" for name in self._flags())
        self._line(f"return bad{noted};")
        lines = ["{", *self._head(), *self.lines, "}", ""]
        return KernelText("\n".join(lines), len(self.phases.kept))

    def _head(self) -> list[str]:
        """Local copies of bounds and strides: what is stored could change those in memory."""
        text = "\n".join(self.lines)
        used = sorted(set(re.findall(r"\b([lhs])(\d+)\b", text)), key=lambda x: (x[0], int(x[1])))
        arrays = {"l": "lo", "h": "hi", "s": "s"}
        lines = ["    int bad = 0;"]
        lines += [f"    {type_} {name} = 0;" for name, type_ in self._flags().items()]
        for letter, number in used:
            lines.append(f"    const int64_t {letter}{number} = {arrays[letter]}[{number}];")
        mentioned = {arrays[letter] for letter, _ in used}
        mentioned |= {name for name in ("p", "c") if f"{name}[" in text}
        mentioned |= {"scratch"} if self.phases.kept else set()
        names = ("p", "lo", "hi", "s", "c", "scratch")
        return lines + [f"    (void){name};" for name in names if name not in mentioned]

    def _declare_kept(self) -> None:
        if self.phases.kept:
            self._line(f"const int64_t kept = (h{self.last} - l{self.last} + 7) & ~(int64_t)7;")
        for n, row in self.phases.kept.items():
            type_ = STORED_TYPES[self.kernel.values[n].dtype]
            self._line(f"{type_} *const k{n} = ({type_} *)(scratch + {row} * 8 * kept);")

    def _declare_reductions(self) -> None:
        """Extrema that keep NaN; OpenMP's own need not."""
        found = {}
        for item in (*self.kernel.values, *self.kernel.writes):
            if isinstance(item, Total | Accumulate) and item.record in (maximum, minimum):
                found[_clause(item)] = item
        for name, item in found.items():
            type_, unit = STORED_TYPES[item.dtype], unit_text(item.record, item.dtype)
            text = combine(item.record, item.dtype, "omp_out", "omp_in")
            self.lines.append(
                f"#pragma omp declare reduction({name}: {type_}: omp_out = {text})"
                f" initializer(omp_priv = {unit})"
            )

    # ---- places -------------------------------------------------------------------------------

    def _loop(self, axis: int) -> None:
        name = self._index(axis)
        self._open(f"for (int64_t {name} = l{axis}; {name} < h{axis}; ++{name})")

    def _index(self, axis: int) -> str:
        return "i" if axis == self.last else f"i{axis}"

    def _pointer(self, operand: int, axes: Sequence[int]) -> str:
        """The text of an operand's address at the place of the loops over some axes."""
        terms = [
            f"{self._index(a)} * s{operand * self.kernel.rank + a}"
            for a in self.kernel.operands[operand].axes
            if a in axes
        ]
        return " + ".join([f"p[{operand}]", *terms])

    def _element(self, operand: int, axes: Sequence[int]) -> str:
        """The text of the element of an operand that is written at the place of some loops."""
        type_ = STORED_TYPES[self.kernel.operands[operand].dtype]
        return f"*({type_} *)({self._pointer(operand, axes)})"

    def _places(self, phase: int) -> dict[int, str]:
        """Pointers of the row, declared; and what loads and writes are in the innermost loop."""
        kernel, phases = self.kernel, self.phases
        operands: dict[int, bool] = {}
        for n in phases.needed[phase]:
            value = kernel.values[n]
            if isinstance(value, Load):
                operands[value.operand] = False
            elif n in phases.lent:
                operands[phases.lent[n]] = True
            elif n not in phases.kept and phases.is_known(n, phase):
                operands[phases.stored[n]] = False
        for root in phases.roots[phase]:
            if not isinstance(root, Total) and not phases.is_local(root):
                operands[root.operand] = True
        return {operand: self._place(operand, writes) for operand, writes in operands.items()}

    def _place(self, operand: int, writes: bool) -> str:
        shape, row = self.kernel.operands[operand], range(self.last)
        const, type_ = "" if writes else "const ", STORED_TYPES[shape.dtype]
        pointer = self._pointer(operand, row)
        if self.last not in shape.axes and not writes:
            self._line(f"const {type_} f{operand} = *(const {type_} *)({pointer});")
            return f"f{operand}"
        if shape.inner is Inner.STRIDED:
            self._line(f"{const}char *const q{operand} = {pointer};")
            stride = f"s{operand * self.kernel.rank + self.last}"
            return f"*({const}{type_} *)(q{operand} + i * {stride})"
        self._line(f"{const}{type_} *const q{operand} = ({const}{type_} *)({pointer});")
        return f"q{operand}[i]"

    # ---- values -------------------------------------------------------------------------------

    def _name(self, n: int) -> str:
        value = self.kernel.values[n]
        if not isinstance(value, Parameter):
            return f"v{n}"
        return f"c{value.number}[0]" if value.number in self.read_again else f"c{value.number}"

    def _arg(self, n: int, dtype: str) -> str:
        """A value as an operand in a dtype."""
        have, name, type_ = self.kernel.values[n].dtype, self._name(n), STORED_TYPES[dtype]
        if have == dtype:
            return name
        # A choice, which compilers vectorise; they do not convert vectors of bool.
        return f"({name} ? ({type_})1 : ({type_})0)" if have == "bool" else f"({type_}){name}"

    def _value(self, n: int, place: str = "") -> None:
        """Declares a value; `place` is what a load in the innermost loop reads."""
        value = self.kernel.values[n]
        type_ = STORED_TYPES[value.dtype]
        if isinstance(value, Total):
            text = f"({type_}){self._local(value)}"
        elif isinstance(value, Position):
            text = self._index(value.axis)
        elif isinstance(value, Load):
            row = self._pointer(value.operand, range(self.kernel.split))
            text = place or f"*(const {type_} *)({row})"
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
        kinds = types.kind(dtype) + types.kind(value.dtype)
        if kinds in ("fi", "fu") and record is cast_to(value.dtype):
            self._line(f"bad |= !({args[0]} - {args[0]} == 0);")
        return text.format(*args, f="f" if dtype == "float32" else "")

    # ---- writes -------------------------------------------------------------------------------

    def _clear(self, write: Accumulate) -> None:
        """Sets what a job accumulates to the neutral element."""
        axes = self.kernel.operands[write.operand].axes
        for axis in axes:
            self._loop(axis)
        unit = unit_text(write.record, write.dtype)
        self._line(f"{self._element(write.operand, axes)} = {unit};")
        self._close(len(axes))

    def _row_writes(self, phase: int) -> None:
        """Writes of values that are the same in the whole row."""
        for write in self.kernel.writes:
            if not self.phases.is_inner(write) and self.phases.phase[write.value] == phase:
                if isinstance(write, Accumulate) and self._spans_rows(write):
                    value = self._arg(write.value, write.dtype)
                    self._line(f"{self._local(write)} += {value};")
                    continue
                self._write(write, self._element(write.operand, range(self.kernel.split)))

    def _write(self, write: Store | Accumulate, place: str) -> None:
        """Stores or combines the value of a write."""
        self._put(write, place, self._combined(write, place))

    def _put(self, write: Store | Accumulate, place: str, text: str) -> None:
        """Stores a value, and notes whether it is one that is watched for."""
        kernel = self.kernel
        if kernel.watch is None or write.operand not in kernel.watched:
            self._line(f"{place} = {text};")
            return
        dtype, name = kernel.operands[write.operand].dtype, f"w{write.operand}"
        ordinary = _ORDINARY[kernel.watch].format(name, f="f" if dtype == "float32" else "")
        self._open("")
        self._line(f"const {STORED_TYPES[dtype]} {name} = {text};")
        self._line(f"{place} = {name};")
        self._line(f"{_FLAGS[dtype][0]} |= {ordinary} ? 0 : 1;")
        self._close()

    def _flags(self) -> dict[str, str]:
        """The names and types of what notes watched values."""
        dtypes = {self.kernel.operands[k].dtype for k in self.kernel.watched}
        return dict(_FLAGS[dtype] for dtype in sorted(dtypes))

    def _combined(self, write: Store | Accumulate, place: str) -> str:
        dtype = self.kernel.operands[write.operand].dtype
        value = self._arg(write.value, dtype)
        return value if isinstance(write, Store) else combine(write.record, dtype, place, value)

    # ---- sums over rows -----------------------------------------------------------------------

    def _spans_rows(self, write: Accumulate) -> bool:
        """Whether a sum goes on from row to row in a variable, to be rounded at its end."""
        split, depth = self.kernel.split, self._depth_of(write)
        has_more_loops = self.phases.is_inner(write) and split < self.last
        return _is_blocked(write) and (depth < split or (depth == split and has_more_loops))

    def _depth_of(self, write: Accumulate) -> int:
        """In how many loops a result has one place."""
        return 1 + max(self.kernel.operands[write.operand].axes, default=-1)

    def _sums_at(self, depth: int) -> list[Accumulate]:
        writes = [write for write in self.kernel.writes if isinstance(write, Accumulate)]
        return [w for w in writes if self._spans_rows(w) and self._depth_of(w) == depth]

    def _begin_sums(self, depth: int) -> None:
        for write in self._sums_at(depth):
            self._declare_local(write)

    def _end_sums(self, depth: int) -> None:
        for write in self._sums_at(depth):
            self._add_up(write, range(depth))

    def _add_up(self, write: Accumulate, axes: Sequence[int]) -> None:
        """Combines what is in memory with what a variable has."""
        place = self._element(write.operand, axes)
        value = f"({STORED_TYPES[write.dtype]}){self._local(write)}"
        self._put(write, place, combine(write.record, write.dtype, place, value))

    # ---- loops --------------------------------------------------------------------------------

    def _local(self, root: Reducing) -> str:
        if isinstance(root, Total):
            return f"t{self.kernel.values.index(root)}"
        return f"a{self.kernel.writes.index(root)}"

    def _phase(self, phase: int) -> None:
        for root in self.phases.roots[phase]:
            if isinstance(root, Total):
                self._declare_local(root)
        middle = range(self.kernel.split, self.last)
        self._open("")
        for axis in middle:
            self._loop(axis)
        self._innermost(phase)
        self._close(len(middle) + 1)

    def _declare_local(self, root: Reducing) -> None:
        unit = unit_text(root.record, root.dtype)
        self._line(f"{_wide(root)} {self._local(root)} = {unit};")

    def _innermost(self, phase: int) -> None:
        places, parts = self._places(phase), Parts(self.phases, phase)
        local = [root for root in self.phases.roots[phase] if self.phases.is_local(root)]
        accumulated = [r for r in local if isinstance(r, Accumulate) and not self._spans_rows(r)]
        for write in accumulated:
            self._declare_local(write)
        for dtype, number in sorted(set(parts.carried.values())):
            array = f"{_array(dtype, number)}[{BLOCK}]"
            self._line(f"{STORED_TYPES[dtype]} {array} __attribute__((aligned(64)));")
        carried = {n: f"{_array(*array)}[i - from]" for n, array in parts.carried.items()}
        sums = [root for root in local if _is_blocked(root)]
        blocked = bool(sums) or len(parts.parts) > 1
        start, stop = f"l{self.last}", f"h{self.last}"
        if blocked:
            self._open(f"for (int64_t from = {start}; from < {stop}; from += {BLOCK})")
            self._line(f"const int64_t to = from + {BLOCK} < {stop} ? from + {BLOCK} : {stop};")
            start, stop = "from", "to"
        for root in sums:
            self._line(f"{STORED_TYPES[root.dtype]} b{self._local(root)} = 0;")
        for part in parts.parts:
            mark = len(self.lines)
            self._open(f"for (int64_t i = {start}; i < {stop}; ++i)")
            self._body(phase, part, places, carried)
            self._close()
            self.lines[mark:mark] = self._pragma(part, self.lines[mark:])
        for root in sums:
            self._line(f"{self._local(root)} += b{self._local(root)};")
        if blocked:
            self._close()
        for write in accumulated:
            self._add_up(write, range(self.last))

    def _body(
        self, phase: int, part: Part, places: dict[int, str], carried: dict[int, str]
    ) -> None:
        """What one loop does with an element; places are of operands, and of what is carried."""
        phases = self.phases
        for n in part.values:
            value, known = self.kernel.values[n], ""
            kept = places[phases.lent[n]] if n in phases.lent else f"k{n}[i - l{self.last}]"
            if n in part.read:
                operand = part.read[n]
                known = carried[n] if operand is None else places[operand]
            elif phases.is_known(n, phase):
                known = kept if phases.is_kept(n) else places[phases.stored[n]]
            if known:
                self._line(f"const {STORED_TYPES[value.dtype]} v{n} = {known};")
                continue
            self._value(n, places[value.operand] if isinstance(value, Load) else "")
            if n in carried:
                self._line(f"{carried[n]} = v{n};")
            if phases.keeps(n, phase):
                self._line(f"{kept} = v{n};")
        for root in part.roots:
            if phases.is_local(root):
                name = self._in_loop(root)
                arg = self._arg(source(root), root.dtype)
                self._line(f"{name} = {combine(root.record, root.dtype, name, arg)};")
            elif not isinstance(root, Total):
                self._write(root, places[root.operand])

    def _in_loop(self, root: Reducing) -> str:
        """The variable that a local root is combined into in the innermost loop."""
        return f"{'b' if _is_blocked(root) else ''}{self._local(root)}"

    def _pragma(self, part: Part, body: Sequence[str]) -> list[str]:
        """What tells the compiler to vectorise a loop, unless its body checks indices."""
        if any("&bad" in line for line in body):
            return []
        clauses = [
            f"reduction({_clause(root)}: {self._in_loop(root)})"
            for root in part.roots
            if self.phases.is_local(root)
        ]
        if any("bad |=" in line for line in body):
            clauses.append("reduction(|: bad)")
        clauses += [
            f"reduction(|: {name})"
            for name in self._flags()
            if any(f"{name} |=" in line for line in body)
        ]
        return [" ".join(["#pragma omp simd", *clauses])]


def _array(dtype: str, number: int) -> str:
    """The name of an array in which parts of a phase carry values."""
    return f"{dtype}_{number}"


def _is_blocked(root: Reducing) -> bool:
    """Whether a root is a sum of floats, which is rounded per block."""
    return root.record is add and types.kind(root.dtype) == "f"


def _wide(root: Reducing) -> str:
    """The C type of the variable that a reduction runs in."""
    return "double" if _is_blocked(root) else C_TYPES[root.dtype]


def combine(record: ScalarOp, dtype: str, left: str, right: str) -> str:
    """Two values combined by a reduction's op."""
    text = record.c_text(dtype)
    assert text is not None
    return text.format(left, right, f="f" if dtype == "float32" else "")


def _clause(root: Reducing) -> str:
    """The reduction of OpenMP that fits a reduction's op."""
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
