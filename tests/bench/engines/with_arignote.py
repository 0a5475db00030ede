"""Arignote, with the executor that `linker=auto` picks."""

from __future__ import annotations

import arignote as ari
from theano_face import Face, builders

VERSION = ari.__version__
BUILDERS = builders(Face(ari.T, ari.function, ari.shared, ari.grad))
