"""The fixed C runtime: `geometry.c`, `layout.c` make tables, `runtime.c`, `products.c` run them.

A table is a list of int64 words, step after step; `runtime.h` says what they are. An operand is a
pair (argument, byte offset): it begins at `args[argument] + offset`. A step of several jobs is
shared out over the runtime's threads; how depends on the step only, so results repeat bit for bit,
whatever the number of threads.
"""

import contextlib
import functools
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

from arignote.errors import CompilerError
from arignote.execute.blas import Blas, blas
from arignote.execute.compiler import cores
from arignote.execute.libraries import Library
from arignote.execute.toolchain import compile_many, load_c

# Each begins with the first file.
SOURCE: Sequence[str] = ("runtime.h", "runtime.c", "geometry.c", "layout.c")
PRODUCTS: Sequence[str] = ("runtime.h", "products.c")
OPTIONS = ("-pthread",)
MAX_THREADS = 1024
RUN = "int64_t(*)(const int64_t*, int64_t, char*const*, int64_t*)"
LAY_OUT = "int(*)(const char*, const int64_t*, int64_t*, int64_t*)"

Operand = tuple[int, int]
"""The number of an argument and a byte offset into it."""
NO_OPERAND: Operand = (-1, 0)


class Watching(IntEnum):
    """Which of the values that a product writes its step watches for."""

    NOTHING = 0
    NAN = 1
    NON_FINITE = 2
    BIG = 3


class Outcome(IntEnum):
    """What came of making a table."""

    LAID_OUT = 0
    UNFIT = 1
    UNKNOWN_KERNEL = 2
    NO_ROOM = 3
    NO_MEMORY = 4


class Kind(IntEnum):
    """Word 0 of a step."""

    KERNEL = 1
    GEMM = 2
    GEMV = 3
    COPY = 4
    GEMM_BATCH = 5


@dataclass(frozen=True)
class Runtime:
    """The loaded runtime.

    Attributes
    ----------
    options : sequence of str
        What it was compiled with, besides what all C is.
    run : cffi function
        `int64_t run(const int64_t *table, int64_t steps, char *const *args, int64_t *nanoseconds)`:
        0, or 1 + the number of the step that failed, or -2 - the number of the step that wrote a
        value for which it watches; no later step has run then. Unless `nanoseconds` is NULL the
        time of each step is added to its place there.
    call : cffi function
        `int64_t call(const int64_t *frame)`: the same without times; a frame has the address of a
        table, the number of its steps, the address of the arguments, the number of those that are
        inputs, and the address of the alignments that these must have (else the result is -1).
    set_threads, get_threads : cffi functions
        How many threads work at once, the caller included; see `use`.
    lay_out : cffi function
        `int lay_out(const void *recipe, const int64_t *numbers, int64_t *out, int64_t *places)`: an
        `Outcome`. Of the words of `out` the first four are where words and owners of steps go, and
        how many of each there is room for; the others are how many of each there are, bytes of
        workspace, and the number of the class that needs another kernel. `places`, unless it is
        NULL, gets two words for each place: argument and offset.
    """

    options: Sequence[str]
    library: Library
    run: Any
    call: Any
    set_threads: Any
    get_threads: Any
    lay_out: Any

    def use(self, threads: int) -> None:
        """Has this many threads work at once, the caller included; 0 is one for each core."""
        self.set_threads(min(threads or cores(), MAX_THREADS))

    def connect(self, found: Blas) -> None:
        """Has GEMM, GEMV and GEMM_BATCH steps, which fail before, use a BLAS."""
        library = load_c(text_of(PRODUCTS), self.options)
        pointers = "void(*)(uintptr_t, uintptr_t, uintptr_t, uintptr_t)"
        set_blas = library.function("arn_set_blas", pointers)
        set_blas(found.sgemm, found.dgemm, found.sgemv, found.dgemv)
        set_products = self.library.function(
            "arn_set_products", "void(*)(uintptr_t, uintptr_t, uintptr_t)"
        )
        jobs = ("arn_gemm_job", "arn_gemv_job", "arn_gemm_batch_job")
        set_products(*[library.address(name) for name in jobs])


@functools.cache
def runtime() -> Runtime:
    """The runtime of this process, compiled if the cache does not have it.

    It works with one thread until `use` says otherwise.

    Raises
    ------
    CompilerError
        As `load_c`.

    Example
    -------
    >>> import numpy as np
    >>> from arignote.execute.runtime import copy_step, runtime
    >>> from arignote.execute.libraries import ffi
    >>> x, y = np.arange(3.0), np.empty(3)
    >>> table = ffi().new("int64_t[]", copy_step((1, 0), (0, 0), x.nbytes))
    >>> args = ffi().new("char*[]", [ffi().cast("char*", a.ctypes.data) for a in (x, y)])
    >>> runtime().run(table, 1, args, ffi().NULL), y.tolist()
    (0, [0.0, 1.0, 2.0])
    """
    return load_runtime(OPTIONS)


@functools.cache
def products() -> None:
    """Has the runtime of this process do products.

    Raises
    ------
    CompilerMissingError
        There is no BLAS.
    CompilerError
        As `load_c`, or the BLAS that is there cannot be loaded.
    """
    runtime().connect(blas())


def prepare(with_products: bool, begun: Callable[[], None]) -> None:
    """Has what is not loaded yet compiled; tells when compilers have begun, or have nothing to do.

    An error is left to whoever needs the runtime.
    """
    wanted = [] if _is_ready(runtime) else [SOURCE]
    if with_products and not _is_ready(products):
        wanted.append(PRODUCTS)
    try:
        with contextlib.suppress(CompilerError):
            sources = [text_of(path) for path in wanted]
            compile_many(sources, OPTIONS, progress=lambda done, total: begun())
    finally:
        begun()


def is_ready(with_products: bool) -> bool:
    """Whether the runtime is loaded, for programs that have products if asked for."""
    return _is_ready(runtime) and (_is_ready(products) or not with_products)


def _is_ready(made: Any) -> bool:
    return bool(made.cache_info().currsize)


def text_of(source: Sequence[str]) -> str:
    """The text of one of the sources."""
    return "".join([Path(__file__).with_name(name).read_text("utf-8") for name in source])


def load_runtime(options: Sequence[str]) -> Runtime:
    """A runtime compiled with these options; a table and its kernels may go to any of them."""
    library = load_c(text_of(SOURCE), options)
    return Runtime(
        options,
        library,
        library.function("arn_run", RUN),
        library.function("arn_call", "int64_t(*)(const int64_t*)"),
        library.function("arn_set_threads", "int(*)(int)"),
        library.function("arn_get_threads", "int(*)(void)"),
        library.function("arn_lay_out", LAY_OUT),
    )


def double_word(value: float) -> int:
    """The word with the bits of a double."""
    return struct.unpack("=q", struct.pack("=d", value))[0]


def float_word(value: float) -> int:
    """The word that begins with the bits of a float, as `arn_value.f` reads it."""
    return struct.unpack("=q", struct.pack("=f4x", value))[0]


def gemm_step(
    double: bool,
    transposed: tuple[bool, bool],
    sizes: tuple[int, int, int],
    A: tuple[Operand, int],
    B: tuple[Operand, int],
    C: tuple[Operand, int],
    *,
    alpha: float = 1.0,
    beta: float = 0.0,
    scale: Operand = NO_OPERAND,
    jobs: int = 1,
    watch: Watching = Watching.NOTHING,
) -> list[int]:
    """The words of `C = alpha * op(A) @ op(B) + beta * C`, all row-major.

    With a beta of 0 C is not read; as in BLAS, with an alpha of 0 A and B are not. Without a BLAS
    there are no such steps.

    Parameters
    ----------
    double : bool
        Whether the elements are doubles; else floats.
    transposed : tuple of bool
        Whether op transposes A, and B.
    sizes : tuple of int
        Rows of C, columns of C, and what is summed over.
    A, B, C : tuple
        Where each is, and the number of elements from one of its rows to the next.
    alpha, beta : float
        The factors.
    scale : Operand, optional
        An element of the dtype by which alpha is multiplied when the step runs.
    jobs : int
        How many products of parts of the rows, or columns, of C.
    watch : Watching
        Which values in C make the step tell that it wrote one.

    Raises
    ------
    CompilerMissingError
        There is no BLAS.
    """
    products()
    words: list[int] = [Kind.GEMM, 0, double, *transposed, *sizes]
    for operand, stride in (A, B, C):
        words += (*operand, stride)
    words += [double_word(alpha), double_word(beta), *scale, jobs, watch]
    words[1] = len(words)
    return words


def copy_step(target: Operand, source: Operand, size: int, *, jobs: int = 1) -> list[int]:
    """The words of a copy of `size` bytes between places that do not overlap."""
    return [Kind.COPY, 8, *target, *source, size, jobs]
