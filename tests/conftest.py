"""What all tests share: flags at their defaults, a kernel cache, steady random examples."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# Read when arignote is imported, here and in the interpreters that tests start. Kernels that an
# earlier run or another worker compiled are found in the folder: an entry's name is the hash of
# its source, compiler and flags, so what is found is what would be compiled.
# ARIGNOTE_TEST_CC names a compiler to test, if it is not the one that a user would get.
os.environ["ARIGNOTE_FLAGS"] = (
    f"cache_dir={Path(__file__).parents[1] / '.pytest_cache' / 'arignote-kernels'}"
    f",cc={os.environ.get('ARIGNOTE_TEST_CC', '')}"
)

from arignote.compile import link
from arignote.config import FLAGS, config

# Tests hold with NumPy too, and warnings are errors; those about this warning ask for it.
link._told.add("missing")

KERNELS, COMPILER = config.cache_dir, config.cc

# Where a shell runs the tests in the background it has them ignore the interrupts that some send.
signal.signal(signal.SIGINT, signal.default_int_handler)

# No deadline: a busy machine is no failure. The same examples everywhere: CI finds what a
# developer finds.
settings.register_profile("arignote", deadline=None, derandomize=True, database=None)
settings.load_profile("arignote")


@pytest.fixture(autouse=True)
def flags_at_defaults() -> Iterator[None]:
    """Each test starts with default flags, whatever the user's rc file or the last test set.

    Only the kernel cache lies elsewhere: the user's is left alone.
    """
    defaults = {name: flag.default for name, flag in FLAGS.items()}
    with config.change(**{**defaults, "cache_dir": KERNELS, "cc": COMPILER}):
        yield
