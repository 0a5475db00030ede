"""A `%%graph` cell's bare annotations declare inputs, its assignments name variables.

The cell's syntax tree is changed so that the run reports to a `CellRun`; everything else in it
means what it means in any other cell.
"""

import ast
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import arignote.tensor as T
from arignote.errors import ArignoteError, message, near_names
from arignote.graph import Variable
from arignote.graph.source import user_line
from arignote.tensor.constructors import TensorConstructor
from arignote.types import TensorType

RUN_NAME = "__arignote_cell__"
CONSTRUCTORS = {
    name: value for name, value in vars(T).items() if isinstance(value, TensorConstructor)
}
PYTHON_TYPES = {"int": "lscalar", "float": "dscalar", "complex": "zscalar", "bool": "bscalar"}
HINT = (
    "scalar, vector, row, col, matrix, tensor3, tensor4 or tensor5, with a dtype prefix\n"
    'b w i l f d c z or none (floatX); or tensor("float32", (None, 3))'
)
Node = TypeVar("Node", bound=ast.AST)


class DeclarationError(ArignoteError, TypeError):
    """An annotation of a `%%graph` cell that declares no input."""


@dataclass
class CellRun:
    """What one run of a cell made: declared inputs, named variables, the last expression."""

    inputs: dict[str, Variable] = field(default_factory=dict)
    variables: dict[str, Variable] = field(default_factory=dict)
    last: object = None
    # What the changed tree catches around a declaration.
    undefined = (NameError, AttributeError)

    def declare(self, name: str, annotation: object, text: str) -> Variable:
        """A new input of the annotated type."""
        __tracebackhide__ = True
        variable = _input(name, annotation, text)
        self.inputs.pop(name, None)
        self.inputs[name] = variable
        return variable

    def reject(self, name: str, text: str) -> None:
        """Raises DeclarationError for an annotation with a name that does not exist."""
        __tracebackhide__ = True
        _, error, entry = sys.exc_info()
        inner = entry.tb_next if entry is not None else None
        if error is not None and inner and inner.tb_frame.f_code.co_name != "__getattr__":
            # Raised inside a function that the annotation calls.
            raise error
        missing = getattr(error, "name", None) or text
        raise _refusal(name, text, f"{missing} is not defined", missing) from None

    def bind(self, name: str, value: object) -> object:
        """`value`, which carries the name it is assigned to unless it had one."""
        self.variables.pop(name, None)
        if isinstance(value, Variable):
            if value.name is None:
                value.name = name
            self.variables[name] = value
        return value

    def finish(self, value: object) -> None:
        """Keeps the value of the cell's last expression."""
        self.last = value

    def forget_rebound(self, namespace: Mapping[str, object]) -> None:
        """Drops the names that hold something else (or nothing) by the end of the cell."""
        self.variables = {
            name: value for name, value in self.variables.items() if namespace.get(name) is value
        }


def _input(name: str, annotation: object, text: str) -> Variable:
    __tracebackhide__ = True
    if isinstance(annotation, TensorConstructor):
        return annotation(name)
    if isinstance(annotation, Variable):
        annotation = annotation.type
    if isinstance(annotation, TensorType):
        return T.tensor(annotation.dtype, annotation.shape, name)
    raise _refusal(name, text, f"{text} is not a tensor type", text)


def _refusal(name: str, text: str, why: str, wrong: str) -> DeclarationError:
    """The error for `name: text` on the line of the cell that runs."""
    line = user_line()
    near = [PYTHON_TYPES[wrong]] if wrong in PYTHON_TYPES else []
    near = near or near_names(wrong, CONSTRUCTORS)
    return DeclarationError(
        message(
            f"{name}: {text} declares no input: {why}.",
            where=str(line) if line else None,
            hint=f"{name}: {near[0]}\n{HINT}" if near else HINT,
        )
    )


class CellTransformer(ast.NodeTransformer):
    """Makes the statements of a cell report to its `CellRun`.

    Functions, classes and lambdas of the cell have scopes of their own and stay as they are.
    """

    def __init__(self) -> None:
        self.assigned: list[str] = []

    def changed(self, tree: ast.Module) -> ast.Module:
        """The tree, changed in place."""
        last = tree.body[-1]
        self.visit(tree)
        if isinstance(last, ast.Expr):
            last.value = _call(last.value, "finish", last.value)
        return tree

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return node

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        return node

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        return node

    def visit_Assign(self, node: ast.Assign) -> list[ast.stmt]:
        self.generic_visit(node)
        return [node, *self._bindings(node, *node.targets)]

    def visit_AugAssign(self, node: ast.AugAssign) -> list[ast.stmt]:
        self.generic_visit(node)
        return [node, *self._bindings(node, node.target)]

    def visit_AnnAssign(self, node: ast.AnnAssign) -> list[ast.stmt]:
        self.generic_visit(node)
        if node.value is None:
            return self._declaration(node)
        # Two statements, since an annotated assignment leaves __annotations__ in the namespace.
        assign = _at(node, ast.Assign([node.target], node.value))
        annotation = _at(node, ast.Expr(node.annotation))
        return [assign, annotation, *self._bindings(node, node.target)]

    def visit_NamedExpr(self, node: ast.NamedExpr) -> ast.AST:
        self.generic_visit(node)
        self.assigned.append(node.target.id)
        node.value = _call(node.value, "bind", ast.Constant(node.target.id), node.value)
        return node

    def visit_For(self, node: ast.For) -> ast.AST:
        self.generic_visit(node)
        node.body[:0] = self._bindings(node, node.target)
        return node

    def visit_With(self, node: ast.With) -> ast.AST:
        self.generic_visit(node)
        targets = [item.optional_vars for item in node.items if item.optional_vars]
        node.body[:0] = self._bindings(node, *targets)
        return node

    def visit_match_case(self, node: ast.match_case) -> ast.AST:
        self.generic_visit(node)
        names: list[str | None] = []
        for part in ast.walk(node.pattern):
            if isinstance(part, ast.MatchAs | ast.MatchStar):
                names.append(part.name)
            elif isinstance(part, ast.MatchMapping):
                names.append(part.rest)
        node.body[:0] = [self._binding(node.body[0], name) for name in names if name]
        return node

    def _bindings(self, at: ast.stmt, *targets: ast.expr) -> list[ast.stmt]:
        """Statements that name what the names in these targets now hold."""
        names = [
            part.id
            for target in targets
            for part in ast.walk(target)
            if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)
        ]
        return [self._binding(at, name) for name in names]

    def _binding(self, at: ast.stmt, name: str) -> ast.stmt:
        self.assigned.append(name)
        value = ast.Name(name, ast.Load())
        return _at(at, ast.Expr(_call(at, "bind", ast.Constant(name), value)))

    def _declaration(self, node: ast.AnnAssign) -> list[ast.stmt]:
        """`x: fmatrix` as statements that make the input x, or reject an unknown name."""
        if not isinstance(node.target, ast.Name):
            raise SyntaxError(
                "only a plain name can be declared as an input",
                ("", node.lineno, node.col_offset + 1, None, node.end_lineno, node.end_col_offset),
            )
        name, annotation = node.target.id, node.annotation
        text = ast.unparse(annotation)
        if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
            text = annotation.value
            annotation = _quoted(annotation, text)
        made = _call(node, "declare", ast.Constant(name), annotation, ast.Constant(text))
        refused = _call(node, "reject", ast.Constant(name), ast.Constant(text))
        handler = ast.ExceptHandler(_attribute("undefined"), None, [ast.Expr(refused)])
        assign = ast.Assign([ast.Name(name, ast.Store())], made)
        return [_at(node, ast.Try([assign], [handler], [], [])), self._binding(node, name)]


def _quoted(annotation: ast.Constant, text: str) -> ast.expr:
    """The expression inside a quoted annotation; the annotation where there is none inside."""
    try:
        inside = ast.parse(text.strip(), mode="eval").body
    except SyntaxError:
        return annotation
    for part in ast.walk(inside):
        ast.copy_location(part, annotation)
    return inside


def _attribute(name: str) -> ast.Attribute:
    return ast.Attribute(ast.Name(RUN_NAME, ast.Load()), name, ast.Load())


def _call(at: ast.AST, method: str, *arguments: ast.expr) -> ast.Call:
    return _at(at, ast.Call(_attribute(method), list(arguments), []))


def _at(place: ast.AST, node: Node) -> Node:
    return ast.fix_missing_locations(ast.copy_location(node, place))
