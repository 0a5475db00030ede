"""Recipes: what the runtime needs to make the table of a part for any sizes.

A recipe mentions sizes by their place among the numbers of a call. What views look like, and what
the values of hosts are, are numbers too, found by NumPy before. `layout.c` reads the words, in the
order in which they are added here.
"""

import struct
from collections.abc import Callable, Mapping, Sequence
from itertools import chain

import numpy as np

from arignote.execute import geometry
from arignote.execute.runtime import Watching, double_word, float_word, products
from arignote.graph import Apply, Constant, Variable
from arignote.lower.build import Access, Extent, Given, Loops
from arignote.lower.kernel import Accumulate, Kernel
from arignote.lower.limits import Watch
from arignote.lower.sizes import CallSizes, Key, SizeTable, dummy, offset_of
from arignote.lower.steps import AliasStep, LoopStep, Part, ProductStep
from arignote.ops.dot import Gemm, Gemv, MatMul
from arignote.types import kind

_WATCHING = {
    None: Watching.NOTHING,
    Watch.NAN: Watching.NAN,
    Watch.NON_FINITE: Watching.NON_FINITE,
    Watch.BIG: Watching.BIG,
}
_LOOPS, _MATRIX, _VECTOR, _BATCH = range(4)
_HEAD = struct.Struct("=8qd2q")


class UnfitError(Exception):
    """Sizes with which the native code does not work: NumPy computes, or says what is wrong."""


class Numbers:
    """The numbers of one call, as they are found.

    Attributes
    ----------
    sizes : CallSizes
    hosts : mapping of Variable to ndarray
        The values that sizes decide.
    values : list of int
    shapes : dict of Variable to tuple of int
        Of what is another look at something.
    offsets : dict of Variable to int
        By how many bytes it begins later than what is looked at.
    """

    def __init__(
        self, sizes: CallSizes, hosts: Mapping[Variable, np.ndarray], values: list[int]
    ) -> None:
        self.sizes, self.hosts, self.values = sizes, hosts, values
        self.shapes: dict[Variable, tuple[int, ...]] = {}
        self.offsets: dict[Variable, int] = {}

    def shape(self, x: Variable) -> tuple[int, ...]:
        """The shape of a variable."""
        if isinstance(x, Constant):
            return x.data.shape
        if x in self.hosts:
            return self.hosts[x].shape
        return self.shapes.get(x) or self.sizes.shape(x)

    def known(self, x: Variable) -> np.ndarray:
        """The value of a constant or a host."""
        return x.data if isinstance(x, Constant) else self.hosts[x]

    def view(self, base: Variable, views: Sequence[Apply]) -> np.ndarray:
        """What looks at a variable through views."""
        view = dummy(base, self.shape(base))
        for node in views:
            view = node.op.perform(view, *[self.known(x) for x in node.inputs[1:]])[0]
        return view


class Recipe:
    """The recipe of a part.

    Parameters
    ----------
    part : Part
    table : SizeTable
    hosts : collection of Variable
        What only sizes decide.
    addresses : callable
        Gives the address and the cost of a kernel.
    threads : int
        How many share the work of a call.

    Attributes
    ----------
    workspace : int
        The argument that is the workspace, after inputs and outputs.
    given : list of Variable
        Constants and hosts that the table reads from memory: the arguments after that.

    Raises
    ------
    CompilerMissingError
        There is no BLAS, and there are products.
    """

    def __init__(
        self,
        part: Part,
        table: SizeTable,
        hosts: set[Variable],
        addresses: Callable[[Kernel], tuple[int, geometry.LoopsCost]],
        threads: int,
    ) -> None:
        self._table, self._hosts, self._addresses = table, hosts, addresses
        self._threads = threads
        self.given: list[Variable] = []
        self.workspace = len(part.inputs) + len(part.outputs)
        self._slots = part.slots
        self._numbers: dict[Key, int] = {}
        self._template: list[int] = []
        self._keys: list[tuple[int, Key]] = []
        self._finders: list[Callable[[Numbers], None]] = []
        self._shapes: dict[tuple, int] = {}
        self._shape_of: dict[Variable, int] = {}
        self._places: dict[Variable, int] = {}
        self._place_words: list[int] = []
        self._looks: dict[Variable, tuple[int, Variable]] = {}
        # By what loops have in common that differ only in where things lie, and in constants.
        self._classes: dict[tuple, int] = {}
        self._class_words: list[int] = []
        self._room = 0
        self._kernels: list[Kernel] = []
        self._variants: dict[tuple, list[int]] = {}
        for n, x in enumerate((*part.inputs, *part.outputs)):
            self._add_place(x, n, -1, -1)
        steps: list[int] = []
        count = 0
        for owner, step in enumerate(part.steps):
            if isinstance(step, AliasStep):
                self._look(step)
                continue
            if isinstance(step, LoopStep):
                kind_of_step, words = self._loops(step.loops)
            else:
                kind_of_step, words = self._product(step)
            steps += (len(words) + 3, kind_of_step, owner, *words)
            count += 1
        pieces: list[int] = []
        for piece in part.pieces:
            shapes = dict.fromkeys([self._shape(x) for x in piece])
            pieces += (len(shapes), *shapes)
        self._sections = pieces, len(part.pieces), steps, count
        self.words = self._whole()

    # ---- numbers ----------------------------------------------------------------------------

    def numbers(self, sizes: CallSizes, hosts: Mapping[Variable, np.ndarray]) -> Numbers:
        """The numbers of a call."""
        values, value = self._template.copy(), sizes.value
        for n, key in self._keys:
            values[n] = value(key)
        found = Numbers(sizes, hosts, values)
        for find in self._finders:
            find(found)
        return found

    def _number(self, key: Key) -> int:
        """Where a size is among the numbers."""
        known = self._numbers.get(key)
        if known is None:
            known = self._numbers[key] = len(self._template)
            if isinstance(key, int):
                self._template.append(key)
            else:
                self._template.append(0)
                self._keys.append((known, key))
        return known

    def _found(self, count: int, find: Callable[[Numbers], Sequence[int]]) -> int:
        """Where numbers are that a function finds."""
        first = len(self._template)
        self._template += [0] * count

        def note(numbers: Numbers) -> None:
            numbers.values[first : first + count] = find(numbers)

        self._finders.append(note)
        return first

    # ---- what steps mention -----------------------------------------------------------------

    def _shape(self, x: Variable) -> int:
        """The number of a variable's shape and bytes of an element."""
        known = self._shape_of.get(x)
        if known is None:
            item, rank = x.type.numpy_dtype.itemsize, len(x.type.dims)
            if x in self._hosts or x in self._looks:
                first = self._found(rank, lambda numbers: numbers.shape(x))
                sizes = tuple(range(first, first + rank))
            else:
                sizes = tuple([self._number(key) for key in self._table.keys(x.type.dims)])
            known = self._shapes.setdefault((item, rank, *sizes), len(self._shapes))
            self._shape_of[x] = known
        return known

    def _add_place(self, x: Variable, argument: int, slot: int, number: int) -> int:
        known = self._places[x] = len(self._places)
        self._place_words += (argument, slot, number)
        return known

    def _place(self, x: Variable) -> int:
        """The number of a variable's place."""
        known = self._places.get(x)
        if known is not None:
            return known
        if x in self._looks:
            number, base = self._looks[x]
            at = 3 * self._place(base)
            return self._add_place(x, self._place_words[at], self._place_words[at + 1], number)
        slot = self._slots.get(x, -1)
        if slot >= 0:
            return self._add_place(x, self.workspace, slot, -1)
        self.given.append(x)
        return self._add_place(x, self.workspace + len(self.given), -1, -1)

    def _look(self, step: AliasStep) -> None:
        """A step that only looks at something in another way: a place, and a shape."""
        node, out = step.node, step.node.outputs[0]
        base = node.inputs[0]

        def find(numbers: Numbers) -> Sequence[int]:
            view = numbers.view(base, [node])
            numbers.shapes[out] = view.shape
            offset = offset_of(view) if view.size else 0
            numbers.offsets[out] = numbers.offsets.get(base, 0) + offset
            return (numbers.offsets[out],)

        number = self._found(1, find)
        root = self._looks[base][1] if base in self._looks else base
        self._looks[out] = number, root

    # ---- loops ------------------------------------------------------------------------------

    def _loops(self, loops: Loops) -> tuple[int, list[int]]:
        words = [self._class(loops), *[self._place(x) for x in loops.bases]]
        words += [self._shape(loops.bases[write.operand]) for write in _sums(loops.kernel)]
        words.append(len(loops.parameters))
        for source in loops.parameters:
            words += self._parameter(source, loops)
        return _LOOPS, words

    def _class(self, loops: Loops) -> int:
        """The number of the class of loops."""
        kernel = loops.kernel
        domain = [self._number(key) for key in loops.domain]
        ranges = [(axis, self._number(size)) for axis, size in loops.ranges]
        shapes = [-1 if a.views else self._shape(a.base) for a in loops.accesses]
        key: tuple = (kernel, loops.axes, tuple(domain), tuple(shapes), tuple(ranges))
        if loops.has_views:
            key = (*key, loops)
        known = self._classes.get(key)
        if known is not None:
            return known
        known = self._classes[key] = len(self._classes)
        self._kernels.append(kernel)
        address, cost = self._addresses(kernel)
        sums = [(write.operand, *self._combination(kernel, write)) for write in _sums(kernel)]
        words = [kernel.rank, kernel.split, kernel.has_totals, kernel.counts]
        words += [len(kernel.operands), address, *_cost_words(cost), len(ranges), len(sums)]
        words += chain(domain, *ranges, *sums)
        for n, access in enumerate(loops.accesses):
            first = self._view(access) if access.views else 0
            axes = [-1 if axis is None else axis for axis in access.axes]
            moves = [axis in kernel.operands[n].axes for axis in range(kernel.rank)]
            operand = [shapes[n], first, kernel.items[n], len(axes), *axes, *moves]
            words += (len(operand) + 1, *operand)
        self._class_words += (len(words) + 1, *words)
        operands = len(kernel.operands)
        self._room += kernel.rank + operands + operands * kernel.rank
        return known

    def _combination(self, kernel: Kernel, write: Accumulate) -> tuple[int, int]:
        """Bytes of an element, and the address of what combines the results of jobs."""
        dtype = kernel.operands[write.operand].dtype
        watch = kernel.watch if write.operand in kernel.watched else None
        address, _ = self._addresses(geometry.merging_kernel(write.record, dtype, watch))
        return np.dtype(dtype).itemsize, address

    def _view(self, access: Access) -> int:
        """Where a view's offset, sizes and strides are among the numbers."""

        def find(numbers: Numbers) -> Sequence[int]:
            view = numbers.view(access.base, access.views)
            return (offset_of(view), *view.shape, *view.strides)

        return self._found(1 + 2 * len(access.axes), find)

    def _parameter(self, source: Given | Extent, loops: Loops) -> tuple[int, int]:
        """Where a parameter is among the numbers, or -1 and its word."""
        if isinstance(source, Given):
            x = source.variable
            if isinstance(x, Constant):
                return -1, _word(x.data)
            return self._found(1, lambda numbers: (_word(numbers.known(x)),)), 0
        access, axis, is_stride = loops.accesses[source.operand], source.axis, source.is_stride

        def find(numbers: Numbers) -> Sequence[int]:
            view = numbers.view(access.base, access.views)
            if not view.size:
                raise UnfitError
            return ((view.strides if is_stride else view.shape)[axis],)

        return self._found(1, find), 0

    # ---- products ---------------------------------------------------------------------------

    def _product(self, step: ProductStep) -> tuple[int, list[int]]:
        products()
        node, out = step.node, step.node.outputs[0]
        alpha, scale, beta, added = 1.0, -1, 0.0, -1
        *others, x, y = step.operands
        if isinstance(node.op, Gemm | Gemv):
            (z, _), (factor, _) = others
            beta, added = 1.0, self._place(z)
            if isinstance(factor, Constant):
                alpha = float(factor.data)
            else:
                scale = self._place(factor)
        words = [out.type.dtype == "float64", _WATCHING[step.watch], double_word(alpha), scale]
        words += [double_word(beta), self._place(out), self._shape(out), added]
        if isinstance(node.op, MatMul):
            return _BATCH, [*words, *self._factor(x)[:2], *self._factor(y)[:2]]
        ranks = x[0].type.ndim, y[0].type.ndim
        if ranks == (2, 2):
            return _MATRIX, [*words, *self._factor(x), *self._factor(y)]
        if ranks == (2, 1):
            return _VECTOR, [*words, *self._factor(x), *self._factor(y)[:2]]
        place, shape, transposed = self._factor(y)
        return _VECTOR, [*words, place, shape, not transposed, *self._factor(x)[:2]]

    def _factor(self, operand: tuple[Variable, bool]) -> tuple[int, int, bool]:
        x, transposed = operand
        return self._place(x), self._shape(x), transposed

    # ---- the whole --------------------------------------------------------------------------

    def add_variant(self, number: int, marks: Sequence[int]) -> None:
        """Has the loops of a class use another kernel for operands that are marked."""
        wrong = {k for k, mark in enumerate(marks) if mark}
        address, cost = self._addresses(geometry.fitting(self._kernels[number], wrong))
        words = [number, address, *_cost_words(cost), *marks]
        self._variants[number, *marks] = [len(words) + 1, *words]
        self.words = self._whole()

    @property
    def place_count(self) -> int:
        """How many places there are."""
        return len(self._places)

    def operands(self, number: int) -> int:
        """How many operands the loops of a class have."""
        return len(self._kernels[number].operands)

    def _whole(self) -> bytes:
        pieces, piece_count, steps, step_count = self._sections
        shapes: list[int] = []
        for item, rank, *sizes in self._shapes:
            shapes += (item, rank, *sizes)
        head = _HEAD.pack(
            self._threads,
            self.workspace,
            len(self._shapes),
            piece_count,
            len(self._places),
            len(self._classes),
            len(self._variants),
            step_count,
            geometry.WORTH_SHARING_NS,
            geometry.JOBS_PER_THREAD,
            geometry.BLOCK,
        )
        words = [self._room, *shapes, *pieces, *self._place_words]
        words += chain(*self._variants.values(), self._class_words, steps)
        return head + np.array(words, "int64").tobytes()

    def places(self, at: Sequence[int]) -> dict[Variable, tuple[int, int]]:
        """Where each variable lies, by what the runtime says of the places."""
        return {x: (at[2 * n], at[2 * n + 1]) for x, n in self._places.items()}


def _sums(kernel: Kernel) -> list[Accumulate]:
    """What loops combine over some of their axes."""
    return [write for write in kernel.writes if isinstance(write, Accumulate)]


def _cost_words(cost: geometry.LoopsCost) -> tuple[int, int]:
    return double_word(cost.ns), cost.kept_rows


def _word(value: np.ndarray) -> int:
    """The word that holds a parameter."""
    item = value.reshape(-1)[0]
    if value.dtype == np.float32:
        return float_word(item)
    if kind(value.dtype.name) == "f":
        return double_word(item)
    number = int(item)
    return struct.unpack("=q", struct.pack("=Q", number))[0] if number >= 1 << 63 else number
