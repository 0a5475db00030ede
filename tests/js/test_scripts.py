"""The tests of the notebook's scripts, each file run by Node's own test runner."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from arignote import shared
from arignote import tensor as T
from arignote.viz import view
from arignote.viz.explorer.document import document
from printing.graphs import softmax_regression

HERE = Path(__file__).parent
STATIC = HERE.parent.parent / "viz" / "static"
NODE = shutil.which("node") or shutil.which("nodejs")
OLDEST = 18


def version() -> int:
    """Node's major version, 0 if there is none."""
    if NODE is None:
        return 0
    said = subprocess.run([NODE, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.match(r"v(\d+)", said)
    return int(found[1]) if found else 0


needs_node = pytest.mark.skipif(
    version() < OLDEST, reason=f"no node {OLDEST} or newer on this machine"
)


@needs_node
def test_boxes_are_as_large_as_in_the_picture_whose_places_they_take(tmp_path: Path) -> None:
    *_, loss, gradients = softmax_regression()
    graph = view([loss, *gradients, shared(0.0, "barrel") + T.constant(2.0, name="two")])
    script = tmp_path / "sizes.mjs"
    script.write_text(
        f"""
        import {{ foldingOf, visibleGraph }} from "{STATIC / "fold.js"}";
        import {{ buildScene }} from "{STATIC / "scene.js"}";
        const shown = {json.dumps(document(graph))};
        const folding = foldingOf(shown, null);
        const {{ items }} = buildScene(shown, folding, visibleGraph(shown, folding, new Set()));
        console.log(JSON.stringify(items.map(({{ width, height }}) => [width, height])));
        """,
        encoding="utf-8",
    )
    ran = subprocess.run([NODE, str(script)], capture_output=True, text=True, check=True)
    for (width, height), box in zip(json.loads(ran.stdout), graph.places.boxes, strict=True):
        assert (width, height) == pytest.approx((box.width, box.height))


@needs_node
@pytest.mark.parametrize("name", sorted(path.name for path in HERE.glob("*.test.js")))
def test_script(name: str) -> None:
    ran = subprocess.run(
        [NODE, "--test", str(HERE / name)], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout[-6000:] + ran.stderr[-2000:]
    assert re.search(r"^# pass [1-9]", ran.stdout, re.MULTILINE), "no test ran"
