"""The fixed C runtime (`runtime.c`, `products.c`), and the words of the tables that it reads.

A table is a list of int64 words, step after step. Word 0 of a step is its `Kind`, word 1 its length
in words; the functions of this module write the rest, and nothing else in Python knows the layout.
An operand is a pair (argument, byte offset): it begins at `args[argument] + offset`. A step of
several jobs is shared out over the runtime's threads; how depends on the step only, so results
repeat bit for bit, whatever the number of threads.
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

SOURCE, PRODUCTS = (Path(__file__).with_name(f"{name}.c") for name in ("runtime", "products"))
# What both begin with.
COMMON = Path(__file__).with_name("runtime.h")
OPTIONS = ("-pthread",)
MAX_THREADS = 1024
RUN = "int64_t(*)(const int64_t*, int64_t, char*const*, int64_t*)"

Operand = tuple[int, int]
"""The number of an argument and a byte offset into it."""
NO_OPERAND: Operand = (-1, 0)


class Watching(IntEnum):
    """Which of the values that a product writes its step watches for."""

    NOTHING = 0
    NAN = 1
    NON_FINITE = 2
    BIG = 3


class Kind(IntEnum):
    """Word 0 of a step."""

    KERNEL = 1
    GEMM = 2
    GEMV = 3
    COPY = 4
    FILL = 5
    GEMM_BATCH = 6


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
    """

    options: Sequence[str]
    library: Library
    run: Any
    call: Any
    set_threads: Any
    get_threads: Any

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


def text_of(path: Path) -> str:
    """One of the sources, with what both begin with."""
    return COMMON.read_text("utf-8") + path.read_text("utf-8")


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
    )


def double_word(value: float) -> int:
    """The word with the bits of a double."""
    return struct.unpack("=q", struct.pack("=d", value))[0]


def float_word(value: float) -> int:
    """The word that begins with the bits of a float, as `arn_value.f` reads it."""
    return struct.unpack("=q", struct.pack("=f4x", value))[0]


def kernel_step(
    address: int,
    sizes: Sequence[int],
    operands: Sequence[Operand],
    strides: Sequence[Sequence[int]],
    *,
    job_strides: Sequence[int] = (),
    constants: Sequence[int] = (),
    split: int = -1,
    jobs: int = 1,
    block: int = 1,
    scratch: int = 0,
) -> list[int]:
    """The words of a kernel's step.

    The kernel is called once a job as `int kernel(char *const *p, const int64_t *lo, const int64_t
    *hi, const int64_t *s, const arn_value *c, char *scratch)`: operand k begins at `p[k]`, for all
    jobs alike but for `job_strides`; axis a runs over `lo[a] .. hi[a]`, which may be empty; operand
    k has the stride `s[k * rank + a]`. It returns bits: 1 where it fails, 2 where it
    wrote a value for which it watches.

    Parameters
    ----------
    address : int
        Where the function is in memory.
    sizes : sequence of int
        Of each axis.
    operands, strides : sequences
        Of each operand: where it is, and its byte stride along each axis.
    job_strides : sequence of int, optional
        Bytes between what job j and job j + 1 have as each operand; by default 0.
    constants : sequence of int
        Words: see `double_word`.
    split : int
        The axis that jobs share; -1 gives each job all of every axis.
    jobs : int
        How many calls.
    block : int
        Jobs get multiples of this on the split axis, except at its end.
    scratch : int
        Bytes that each call gets to write in, on a boundary of 64; their values are undefined.
    """
    words: list[int] = [Kind.KERNEL, 0, address, len(operands), len(sizes), split, jobs, 0]
    words += [scratch, block, *sizes]
    for (argument, offset), stride in zip(
        operands, job_strides or [0] * len(operands), strict=True
    ):
        words += (argument, offset, stride)
    for of_operand in strides:
        words += of_operand
    words[7] = len(words)
    return _sized([*words, *constants])


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
    words = _product_words(Kind.GEMM, double, transposed, sizes, A, B, C, alpha, beta, scale)
    return _sized([*words, jobs, watch])


def gemm_batch_step(
    double: bool,
    transposed: tuple[bool, bool],
    sizes: tuple[int, int, int],
    A: tuple[Operand, int],
    B: tuple[Operand, int],
    C: tuple[Operand, int],
    *,
    count: int,
    strides: tuple[int, int, int],
    alpha: float = 1.0,
    beta: float = 0.0,
    scale: Operand = NO_OPERAND,
    jobs: int = 1,
    watch: Watching = Watching.NOTHING,
) -> list[int]:
    """The words of `count` products, each as `gemm_step` has it; jobs share the products.

    Parameters
    ----------
    strides : tuple of int
        The bytes from one A, B, C to the next.
    """
    products()
    words = _product_words(Kind.GEMM_BATCH, double, transposed, sizes, A, B, C, alpha, beta, scale)
    return _sized([*words, jobs, count, *strides, watch])


def gemv_step(
    double: bool,
    transposed: bool,
    sizes: tuple[int, int],
    A: tuple[Operand, int],
    x: tuple[Operand, int],
    y: tuple[Operand, int],
    *,
    alpha: float = 1.0,
    beta: float = 0.0,
    scale: Operand = NO_OPERAND,
    jobs: int = 1,
    watch: Watching = Watching.NOTHING,
) -> list[int]:
    """The words of `y = alpha * op(A) @ x + beta * y`; the rest as `gemm_step` has it.

    Parameters
    ----------
    sizes : tuple of int
        Rows and columns of A as it is stored.
    x, y : tuple
        Where each one's first element is, and the number of elements to the next, which may be
        negative.
    """
    products()
    words: list[int] = [Kind.GEMV, 0, double, transposed, *sizes]
    for operand, stride in (A, x, y):
        words += (*operand, stride)
    return _sized([*words, double_word(alpha), double_word(beta), *scale, jobs, watch])


def copy_step(target: Operand, source: Operand, size: int, *, jobs: int = 1) -> list[int]:
    """The words of a copy of `size` bytes between places that do not overlap."""
    return _sized([Kind.COPY, 0, *target, *source, size, jobs])


def fill_step(target: Operand, size: int, *, jobs: int = 1) -> list[int]:
    """The words that set `size` bytes to zero."""
    return _sized([Kind.FILL, 0, *target, size, jobs])


def _product_words(
    kind: Kind,
    double: bool,
    transposed: tuple[bool, bool],
    sizes: tuple[int, int, int],
    A: tuple[Operand, int],
    B: tuple[Operand, int],
    C: tuple[Operand, int],
    alpha: float,
    beta: float,
    scale: Operand,
) -> list[int]:
    words: list[int] = [kind, 0, double, *transposed, *sizes]
    for operand, stride in (A, B, C):
        words += (*operand, stride)
    return [*words, double_word(alpha), double_word(beta), *scale]


def _sized(words: list[int]) -> list[int]:
    """The words of a step, with their number in word 1."""
    words[1] = len(words)
    return words
