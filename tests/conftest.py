"""What all tests share: the flags at their defaults, and steady random examples."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

# Read when arignote is imported, here and in the interpreters that tests start.
os.environ.pop("ARIGNOTE_FLAGS", None)

from arignote.config import FLAGS, config

# No deadline: a busy machine is no failure. The same examples everywhere: CI finds what a
# developer finds.
settings.register_profile("arignote", deadline=None, derandomize=True, database=None)
settings.load_profile("arignote")


@pytest.fixture(autouse=True)
def flags_at_defaults() -> Iterator[None]:
    """Each test starts with default flags, whatever the user's rc file or the last test set."""
    with config.change(**{name: flag.default for name, flag in FLAGS.items()}):
        yield
