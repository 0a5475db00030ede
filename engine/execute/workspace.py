"""Workspaces: memory for what lies between the steps of a call."""

import numpy as np

from arignote.execute.libraries import ffi

ALIGNMENT = 64


class Workspace:
    """Memory for what lies between the steps of a call, in whole cache lines."""

    __slots__ = ("buffer", "room")

    def __init__(self, room: int) -> None:
        memory = np.empty(room + ALIGNMENT, "uint8")
        shift = -memory.__array_interface__["data"][0] % ALIGNMENT
        self.room, self.buffer = room, ffi().from_buffer(memory[shift:])


def workspace(spare: list[Workspace], room: int) -> Workspace:
    """A workspace of at least this size, a spare one if there is one."""
    try:
        found = spare.pop()
    except IndexError:
        return Workspace(room)
    return found if found.room >= room else Workspace(room)
