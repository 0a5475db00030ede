"""What a picture shows of each node."""

from dataclasses import dataclass

from arignote.viz.drawing.glyphs import shorten
from arignote.viz.drawing.nodes import GraphNode, NodeKind


@dataclass(frozen=True)
class PictureOptions:
    """What a picture shows of each node.

    Attributes
    ----------
    types : bool
        Dtype and shape below each label.
    types_of_named : bool
        False leaves them out where the user gave a name.
    max_label : int
        Longer labels are shortened, in characters.
    ids : bool
        The node's number in front of its label.
    colours : bool
        False draws everything in shades of grey.
    """

    types: bool = True
    types_of_named: bool = True
    max_label: int = 40
    ids: bool = False
    colours: bool = True

    def parts(self, node: GraphNode) -> tuple[str, str, str]:
        """The user's name, the rest of the first line, and the second line of a node's label."""
        name, label = node.name or "", node.label
        if node.kind is NodeKind.OP:
            label = shorten(label, self.max_label)
            name, label = (shorten(name, self.max_label), f" = {label}") if name else ("", label)
        elif node.kind is NodeKind.CONSTANT:
            name, label = "", shorten(label, self.max_label)
        else:
            name, label = shorten(label, self.max_label), ""
        shows_type = node.kind is not NodeKind.CONSTANT and (self.types_of_named or not node.name)
        small = node.type_text if self.types and shows_type else ""
        if not (name or label):
            label, small = small or node.kind.value, ""
        if self.ids:
            name = f"{node.id}: {name}"
        return name, label, shorten(small, self.max_label)

    def lines(self, node: GraphNode) -> tuple[str, str]:
        """The first and second line of a node's label."""
        name, label, small = self.parts(node)
        return f"{name}{label}", small


DEFAULT_OPTIONS = PictureOptions()
