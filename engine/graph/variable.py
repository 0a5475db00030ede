"""The graph: variables, constants, shared variables, and the apply nodes that connect them."""

import copy
import copyreg
import threading
from collections import deque
from collections.abc import Iterable, Sequence
from itertools import repeat
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from arignote.errors import InputError, message
from arignote.graph import pickling
from arignote.graph.collector import note_memory
from arignote.graph.source import SourceLine, user_line
from arignote.ops.base import Op
from arignote.types import Type, describe_value


class Variable:
    """A symbolic value: an input, a constant, a shared variable or the result of an apply node.

    Attributes
    ----------
    type : Type
        What is known of the value.
    name : str or None
    owner : Apply or None
        The node that computes it.
    index : int
        Its place among the owner's outputs.
    tag : namespace
        Free for the user's own attributes; it survives copy and pickle.
    source : SourceLine or None
        The user's line that made it.
    """

    # What every variable has lies together, since large graphs are slow for want of cache.
    __slots__ = ("__dict__", "__weakref__", "_source", "index", "name", "owner", "type")

    type: Any
    name: str | None
    owner: "Apply | None"
    index: int

    def __init__(
        self,
        type: Type,
        name: str | None = None,
        owner: "Apply | None" = None,
        index: int = 0,
        source: SourceLine | None = None,
    ) -> None:
        self.type = type
        self.name = name
        self.owner = owner
        self.index = index
        if owner is None:
            self._source = source if source is not None else user_line()

    @property
    def source(self) -> SourceLine | None:
        """The user's line that made it."""
        return self._source if self.owner is None else self.owner.source

    @property
    def tag(self) -> SimpleNamespace:
        """A namespace for the user's own attributes."""
        if "_tag" not in self.__dict__:
            self._tag = SimpleNamespace()
        return self._tag

    @tag.setter
    def tag(self, value: SimpleNamespace) -> None:
        self._tag = value

    def clone(self, name: str | None = None) -> "Variable":
        """A new input of the same type, with this name and tag."""
        twin = copy.copy(self)
        twin.owner, twin.index, twin._source = None, 0, self.source
        twin.name = self.name if name is None else name
        return twin

    def __getstate__(self) -> dict[str, Any]:
        own = {key: getattr(self, key) for key in _OF_ALL if hasattr(self, key)}
        return own | {key: value for key, value in vars(self).items() if key != "_evaluators"}

    def __copy__(self) -> "Variable":
        twin = self.__class__.__new__(self.__class__)
        twin.__setstate__(self.__getstate__())
        if "_tag" in twin.__dict__:
            twin._tag = SimpleNamespace(**vars(self._tag))
        return twin

    def __reduce_ex__(self, protocol: Any) -> Any:
        state = self.__getstate__()
        if self.owner is not None:
            state = {pickling.CHAIN: pickling.chain(self.owner), **state}
        return copyreg.__newobj__, (type(self),), state  # type: ignore[attr-defined]

    def __setstate__(self, state: dict[str, Any]) -> None:
        for key, value in state.items():
            if key != pickling.CHAIN:
                setattr(self, key, value)

    def __str__(self) -> str:
        if self.name is not None:
            return self.name
        if self.owner is None:
            return f"<{self.type}>"
        return f"{self.owner.op}.{self.index}"

    def __repr__(self) -> str:
        return str(self)


_OF_ALL = ("type", "name", "owner", "index", "_source")


class Constant(Variable):
    """A value that is known while the graph is built; its array cannot be written."""

    data: np.ndarray

    def __init__(self, type: Type, data: np.ndarray, name: str | None = None) -> None:
        super().__init__(type, name)
        self.data = data
        self.data.flags.writeable = False

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self.data.flags.writeable = False

    @property
    def value(self) -> np.ndarray:
        """The array."""
        return self.data

    def __str__(self) -> str:
        if self.name is not None:
            return self.name
        data = self.data
        if data.ndim == 0:
            return _number_text(data)
        if data.size <= 6 and data.ndim == 1:
            return f"[{', '.join(_number_text(item) for item in data)}]"
        return f"<constant {data.dtype} {data.shape}>"


def _number_text(number: np.ndarray) -> str:
    """The number as a person would write it: 2 for 2.0, the shortest digits for floats."""
    text = str(number)
    return text.removesuffix(".0") if number.dtype.kind == "f" else text


class SharedVariable(Variable):
    """A variable that keeps its value between calls; functions read it and their updates set it.

    Attributes
    ----------
    default_update : Variable
        If set, the new value at each call of a function that uses this variable (optional).
    lock : threading.Lock
        Held by a function that updates the variable, from reading it to storing the new value.
    """

    default_update: Variable

    def __init__(self, type: Type, value: np.ndarray, name: str | None = None) -> None:
        super().__init__(type, name)
        self._value = value
        self.lock = threading.Lock()
        note_memory(value.nbytes)

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in super().__getstate__().items() if key != "lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self.lock = threading.Lock()

    def __copy__(self) -> "Variable":
        twin = super().__copy__()
        twin.lock = threading.Lock()  # type: ignore[attr-defined]
        return twin

    def get_value(self, borrow: bool = False) -> np.ndarray:
        """The value; a copy unless `borrow` is True."""
        return self._value if borrow else self._value.copy()

    def set_value(self, value: object, borrow: bool = False) -> None:
        """Sets the value; it is copied unless `borrow` is True. InputError if it does not fit."""
        try:
            array = self.type.filter(value, borrow=borrow)
        except InputError as error:
            raise InputError(
                message(
                    f"cannot set the shared variable {self}: {error}",
                    got=[describe_value(value), f"made in {self.source}"],
                    where=str(current_line()),
                )
            ) from None
        self._value = array

    def store(self, array: np.ndarray) -> None:
        """Takes an array of the right type as the new value, unchecked (executors call this)."""
        self._value = array


def store_all(targets: Iterable[SharedVariable], arrays: Iterable[np.ndarray]) -> None:
    """Takes arrays as the new values of variables as `store` does: all of them or none."""
    # One call of C code: Python looks for interrupts and changes threads between its own only.
    deque(map(setattr, targets, repeat("_value"), arrays), maxlen=0)


class Apply:
    """A node: an op applied to inputs, with the variables that it gives.

    Attributes
    ----------
    op : Op
    inputs, outputs : tuple of Variable
    source : SourceLine or None
        The user's line that made it.
    gradient_of : Apply or None
        The node whose gradient this node helps to compute.
    """

    __slots__ = ("__weakref__", "gradient_of", "inputs", "op", "outputs", "source")

    def __init__(
        self,
        op: Op,
        inputs: Sequence[Variable],
        types: Sequence[Type],
        source: SourceLine | None = None,
        gradient_of: "Apply | None" = None,
    ) -> None:
        self.op = op
        self.inputs = tuple(inputs)
        self.source = source
        self.gradient_of = gradient_of
        make = classes_of(types[0]).variable
        self.outputs = tuple([make(type_, None, self, n) for n, type_ in enumerate(types)])

    def __reduce__(self) -> Any:
        state = (self.op, self.inputs, self.outputs, self.source, self.gradient_of)
        return copyreg.__newobj__, (Apply,), state  # type: ignore[attr-defined]

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.op, self.inputs, self.outputs, self.source, self.gradient_of = state

    def __repr__(self) -> str:
        return f"{self.op}({', '.join(str(x) for x in self.inputs)})"


class VariableClasses(NamedTuple):
    """The classes of variables, constants and shared variables that have one class of types."""

    variable: type[Variable]
    constant: type[Constant]
    shared: type[SharedVariable]


VARIABLE_CLASSES: dict[type, VariableClasses] = {}


def classes_of(type_: Type) -> VariableClasses:
    """The classes for this type."""
    return VARIABLE_CLASSES.get(type(type_)) or VariableClasses(Variable, Constant, SharedVariable)


class _Building(threading.local):
    """What new nodes are made for: set while gradients are taken."""

    source: SourceLine | None = None
    gradient_of: Apply | None = None


building = _Building()


class built_for:  # noqa: N801 (used as a function)
    """Nodes made in this block get this line and belong to the gradient of this node."""

    __slots__ = ("_before", "_now")

    def __init__(self, source: SourceLine | None, gradient_of: Apply | None) -> None:
        self._now = source, gradient_of

    def __enter__(self) -> None:
        self._before = building.source, building.gradient_of
        building.source, building.gradient_of = self._now

    def __exit__(self, *error: object) -> None:
        building.source, building.gradient_of = self._before


def current_line() -> SourceLine | None:
    """The line that a node made now belongs to."""
    return building.source if building.source is not None else user_line()
