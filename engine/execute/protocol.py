"""What an executor is."""

from collections.abc import Callable, Sequence

import numpy as np

from arignote.lower import Program

Executable = Callable[[Sequence[np.ndarray]], list[np.ndarray]]
"""Takes the values of inputs, then of shared variables; gives the results."""

Executor = Callable[[Program], Executable]
"""Makes a program executable."""
