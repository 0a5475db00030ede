"""Words of steps, written by hand: what the runtime is given to do in tests."""

from collections.abc import Sequence
from typing import Any

from arignote.execute.runtime import (
    NO_OPERAND,
    Kind,
    Operand,
    Watching,
    double_word,
    gemm_step,
    products,
)


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
    return sized([*words, *constants])


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
    return sized([*words, double_word(alpha), double_word(beta), *scale, jobs, watch])


def gemm_batch_step(
    *products: Any, count: int, strides: tuple[int, int, int], **options: Any
) -> list[int]:
    """The words of `count` products, each as `gemm_step` has it; jobs share the products.

    Parameters
    ----------
    strides : tuple of int
        The bytes from one A, B, C to the next.
    """
    *words, watch = gemm_step(*products, **options)
    return sized([Kind.GEMM_BATCH, *words[1:], count, *strides, watch])


def sized(words: list[int]) -> list[int]:
    """The words of a step, with their number in word 1."""
    words[1] = len(words)
    return words
