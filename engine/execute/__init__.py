"""Executors: what runs a program."""

from arignote.execute.numpy import load
from arignote.execute.protocol import Executable, Executor

__all__ = ["Executable", "Executor", "load"]
