"""PyTensor in its default mode."""

from __future__ import annotations

import pytensor
import pytensor.tensor

from theano_face import Face, builders

VERSION = pytensor.__version__
LARGEST = {"residual": 250}  # it meets the recursion limit there
BUILDERS = builders(Face(pytensor.tensor, pytensor.function, pytensor.shared, pytensor.grad))
