"""The explorer in a real browser, on a plain page: what its root element says and what is drawn."""

from __future__ import annotations

import functools
import http.server
import random
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

ROOT = Path(__file__).parents[3]
PAGE = "tests/browser/explorer_page/index.html"
Json = dict[str, Any]


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Nothing: pytest shows what fails."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of the files of this repository."""
    handler = functools.partial(_Quiet, directory=str(ROOT))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as found:
        threading.Thread(target=found.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{found.server_port}/"
        found.shutdown()


@pytest.fixture
def page(browser: Browser, server: str) -> Iterator[Page]:
    """A page with an empty explorer; errors on it and requests to elsewhere fail the test."""
    seen: list[str] = []
    with browser.new_context(viewport={"width": 1100, "height": 700}) as context:
        opened = context.new_page()
        opened.on("pageerror", lambda error: seen.append(str(error)))
        opened.on("request", lambda asked: seen.append(asked.url) if _outside(asked.url) else None)
        opened.goto(server + PAGE)
        opened.wait_for_function("window.ready")
        yield opened
    assert seen == []


def _outside(url: str) -> bool:
    return not url.startswith(("http://127.0.0.1:", "blob:", "data:"))


def graph(layers: int = 3) -> Json:
    """A chain of layers in nested boxes, with a constant and a long edge each."""
    nodes: list[Json] = [{"kind": "input", "label": "x", "type": "float32 (?, 4)", "key": "x"}]
    edges: list[list[Any]] = []
    of: list[int | None] = [None]
    boxes: list[Json] = [{"label": "model", "parent": None, "kind": "scope"}]
    for layer in range(layers):
        below, first = len(nodes) - 1, len(nodes)
        boxes.append({"label": f"layer{layer}", "parent": 0, "kind": "scope", "kernel": 0})
        nodes += [
            {"kind": "constant", "label": "0.5", "key": f"c{layer}"},
            {"kind": "op", "label": "mul", "type": "float32 (?, 4)", "key": f"mul{layer}"},
            {"kind": "op", "label": "tanh", "name": f"h{layer}", "key": f"h{layer}", "kernel": 0,
             "where": "model.py:3", "line": "h = T.tanh(x * 0.5)", "doc": "tanh of x"},
        ]  # fmt: skip
        edges += [[below, first + 1, "float32 (?, 4)", 0, 0, 0], [first, first + 1, "", 1, 0, 0]]
        edges.append([first + 1, first + 2, "float32 (?, 4)", 0, 0, 0])
        of += [None, layer + 1, layer + 1]
    nodes.append({"kind": "op", "label": "add", "name": "loss", "of_output": True, "outputs": [0]})
    edges += [[len(nodes) - 2, len(nodes) - 1, "", 0, 0, 0], [0, len(nodes) - 1, "", 1, 0, 0]]
    of.append(None)
    times = [2.0 if node["label"] == "tanh" else None for node in nodes]
    return {
        "title": "chain",
        "nodes": nodes,
        "edges": edges,
        "groupings": [{"name": "scopes", "label": "name scope", "boxes": boxes, "of": of}],
        "kernels": [{"name": "kernel 0", "code": "int main() { return 1; } // <end>"}],
        "heats": [{"name": "time", "unit": "us", "of": times}],
    }


def large(count: int) -> Json:
    """A random graph of short edges."""
    chance = random.Random(1)
    nodes = [{"kind": "op", "label": "add", "type": "float32 (?, 10)"} for _ in range(count)]
    edges = [
        [max(0, end - 1 - int(chance.expovariate(0.03))), end, "float32 (?, 10)", port, 0, 0]
        for end in range(20, count)
        for port in range(chance.choice([1, 2, 2]))
    ]
    return {"title": "large", "nodes": nodes, "edges": edges}


def show(page: Page, document: Json, options: Json | None = None) -> None:
    page.evaluate("([graph, options]) => show(graph, options)", [document, options or {}])
    settle(page)


def settle(page: Page) -> None:
    """Wait for two frames."""
    page.evaluate(
        "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
    )


def facts(page: Page) -> dict[str, str]:
    found: dict[str, str] = page.evaluate("({...explorer.element.dataset})")
    return found


def middle_of(page: Page, key: str) -> tuple[float, float]:
    """Where an item is on the page: `n` or `b` and its number."""
    box = page.locator(f'[data-item="{key}"]').bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_facts_of_a_small_graph(page: Page):
    show(page, graph())
    seen = facts(page)
    assert (seen["nodes"], seen["total"], seen["renderer"]) == ("11", "11", "svg")
    assert page.locator("[data-item]").count() == 11
    assert float(seen["readyMs"]) > 0
    assert "selected" not in seen


def test_a_click_selects_and_the_panel_tells_what_is_known(page: Page):
    show(page, graph())
    page.mouse.click(*middle_of(page, "n3"))
    assert facts(page)["selected"] == "3"
    assert page.evaluate("explorer.selected") == 3
    assert page.evaluate("selections") == [3]
    text = page.locator(".ari-detail").inner_text()
    for part in (
        "h0 = tanh",
        "model.py:3",
        "h = T.tanh(x * 0.5)",
        "tanh of x",
        "return 1;",
        "<end>",
    ):
        assert part in text
    page.locator(".ari-detail [data-go]", has_text="mul").first.click()
    assert facts(page)["selected"] == "2"
    page.keyboard.press("Escape")
    assert page.evaluate("explorer.selected") is None
    assert page.evaluate("selections") == [3, 2, None]


def test_boxes_open_and_fold_and_stay_where_they_are(page: Page):
    show(page, {**graph(), "start": {"grouping": "scopes"}})
    assert facts(page)["nodes"] == "3"
    x, y = middle_of(page, "b0")
    page.mouse.click(x, y)
    page.wait_for_timeout(500)
    assert (facts(page)["nodes"], facts(page)["selected"]) == ("3", "box 0")
    page.keyboard.press("Escape")
    settle(page)
    page.mouse.dblclick(*middle_of(page, "b0"))
    settle(page)
    assert facts(page)["nodes"] == "5"
    before = page.locator('[data-item="b2"]').bounding_box()
    assert before is not None
    page.mouse.click(before["x"] + before["width"] - 16, before["y"] + before["height"] / 2)
    settle(page)
    assert facts(page)["nodes"] == "7"
    title = page.locator("svg.ari-drawn text", has_text="layer1").bounding_box()
    assert title is not None
    assert abs(title["y"] - before["y"]) < 12
    assert abs(title["x"] - 26 - before["x"]) < 12
    page.mouse.click(title["x"] + 5, title["y"] + 5)
    settle(page)
    after = page.locator('[data-item="b2"]').bounding_box()
    assert after is not None
    assert abs(after["x"] - before["x"]) < 1
    assert abs(after["y"] - before["y"]) < 1
    page.get_by_role("button", name="Open all boxes").click()
    assert facts(page)["nodes"] == "11"
    page.get_by_role("button", name="Fold all boxes").click()
    assert facts(page)["nodes"] == "3"
    page.get_by_role("combobox", name="Fold nodes into boxes").select_option("")
    assert facts(page)["nodes"] == "11"


def test_search_goes_from_hit_to_hit_and_opens_boxes(page: Page):
    show(page, {**graph(), "start": {"grouping": "scopes"}})
    page.locator(".ari-view").focus()
    page.keyboard.press("/")
    page.keyboard.type("tanh")
    assert page.locator(".ari-found").inner_text() == "3"
    assert page.locator("[data-hit]").count() == 3
    visited = []
    for key in ("Enter", "Enter", "Enter", "Shift+Enter"):
        page.keyboard.press(key)
        visited.append(facts(page)["selected"])
    assert visited == ["3", "6", "9", "6"]
    assert page.locator(".ari-found").inner_text() == "2 of 3"
    assert page.locator('[data-item="n6"]').count() == 1
    page.keyboard.press("Escape")
    assert page.locator(".ari-search input").input_value() == ""
    page.keyboard.press("/")
    page.keyboard.type("no such thing")
    assert page.locator(".ari-found").inner_text() == "none"


def test_keys_move_the_choice_along_edges(page: Page):
    show(page, graph())
    page.evaluate("explorer.select(3)")
    page.locator(".ari-view").focus()
    chosen = []
    for key in ("ArrowUp", "ArrowDown", "ArrowDown", "j", "k", "ArrowUp"):
        page.keyboard.press(key)
        chosen.append(facts(page)["selected"])
    assert chosen == ["2", "3", "5", "6", "5", "3"]
    page.evaluate("explorer.open('scopes', 'all')")
    page.locator(".ari-view").focus()
    page.keyboard.press("o")
    assert facts(page)["nodes"] == "9"
    page.keyboard.press("?")
    assert page.get_by_role("heading", name="Keys").is_visible()
    page.keyboard.press("Escape")
    assert not page.get_by_role("heading", name="Keys").is_visible()


def test_labels_and_heat(page: Page):
    show(page, graph())
    drawn = page.locator("svg.ari-drawn")
    before = drawn.locator("text", has_text="float32 (?, 4)").count()
    page.get_by_role("button", name="Labels on edges").click()
    assert drawn.locator("text", has_text="float32 (?, 4)").count() == before + 6
    page.evaluate("explorer.setHeat('time')")
    assert page.locator(".ari-heat").inner_text().split() == ["time", "(us)", "0", "2"]
    page.evaluate("explorer.open('scopes', 'none')")
    settle(page)
    assert page.locator('[data-item="b0"]').text_content() == "model6 us · 100 %"


def test_the_wheel_scrolls_the_page_until_the_graph_is_clicked(page: Page):
    show(page, graph())
    x, y = middle_of(page, "n3")
    page.mouse.move(x, y)
    scale = facts(page)["scale"]
    page.mouse.wheel(0, -100)
    settle(page)
    assert facts(page)["scale"] == scale
    page.keyboard.down("Control")
    page.mouse.wheel(0, -100)
    settle(page)
    page.keyboard.up("Control")
    assert float(facts(page)["scale"]) > float(scale)
    page.mouse.click(x, y)
    larger = facts(page)["scale"]
    page.mouse.wheel(0, 100)
    page.wait_for_function(f"explorer.element.dataset.scale < {larger}")


def test_dragging_moves_the_graph_and_selects_nothing(page: Page):
    show(page, graph())
    x, y = middle_of(page, "n3")
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 30, y + 20, steps=4)
    page.mouse.up()
    settle(page)
    moved = middle_of(page, "n3")
    assert abs(moved[0] - x - 30) < 1
    assert abs(moved[1] - y - 20) < 1
    assert "selected" not in facts(page)


def test_another_document_keeps_choice_and_place_by_key(page: Page):
    show(page, graph(3))
    page.evaluate("explorer.focus(3)")
    settle(page)
    before = middle_of(page, "n3")
    other = graph(4)
    other["nodes"].insert(0, {"kind": "input", "label": "new"})
    other["edges"] = [[start + 1, end + 1, *rest] for start, end, *rest in other["edges"]]
    other["groupings"] = other["heats"] = []
    page.evaluate("graph => explorer.setDocument(graph, {keep: true})", other)
    settle(page)
    assert page.evaluate("explorer.selected") == 4
    assert page.evaluate("selections") == [3, 4]
    after = middle_of(page, "n4")
    assert abs(after[0] - before[0]) < 1
    assert abs(after[1] - before[1]) < 1
    page.evaluate("explorer.mark({came: [0], went: [1], origin: 2})")
    assert page.locator('[data-item="n1"] text').first.get_attribute("text-decoration")
    page.evaluate("graph => explorer.setDocument(graph)", graph(2))
    assert page.evaluate("explorer.selected") is None


def test_focus_and_alarm(page: Page):
    document = graph()
    document["nodes"][6]["alarm"] = "NaN was born here"
    show(page, {**document, "start": {"grouping": "scopes", "focus": 6}})
    assert facts(page)["selected"] == "6"
    assert "NaN was born here" in page.locator(".ari-detail").inner_text()
    assert page.locator('[data-item="n6"] circle').count() == 1
    area = page.locator(".ari-view").bounding_box()
    assert area is not None
    x, y = middle_of(page, "n6")
    assert abs(x - area["x"] - area["width"] / 2) < 2
    assert abs(y - area["y"] - area["height"] / 2) < 8


@pytest.mark.parametrize(("name", "start"), [("SVG", b"<svg"), ("PNG", b"\x89PNG")])
def test_pictures_are_saved(page: Page, name: str, start: bytes):
    show(page, graph())
    page.get_by_role("button", name="Save as a file").click()
    with page.expect_download() as waiting:
        page.get_by_role("button", name=f"Save as {name}").click()
    assert waiting.value.suggested_filename == f"chain.{name.lower()}"
    data = Path(waiting.value.path()).read_bytes()
    assert data.startswith(start)
    assert name != "SVG" or data.count(b"data-item") == 11


def test_the_page_is_saved_as_it_was_given(page: Page):
    show(page, graph(), {"page": "<p>the page</p>"})
    page.get_by_role("button", name="Save as a file").click()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Save as one HTML page").click()
    assert Path(waiting.value.path()).read_text() == "<p>the page</p>"


def test_themes(page: Page):
    def theme() -> str:
        return facts(page)["theme"]

    show(page, graph())
    assert theme() == "light"
    page.emulate_media(color_scheme="dark")
    page.wait_for_function("explorer.element.dataset.theme === 'dark'")
    page.evaluate("document.body.dataset.jpThemeLight = 'true'")
    page.wait_for_function("explorer.element.dataset.theme === 'light'")
    page.evaluate("document.body.dataset.jpThemeLight = 'false'")
    page.wait_for_function("explorer.element.dataset.theme === 'dark'")
    show(page, graph(), {"theme": "light"})
    assert theme() == "light"


def test_10000_nodes_are_drawn_and_moved(page: Page):
    show(page, large(10_000))
    seen = facts(page)
    assert (seen["renderer"], seen["nodes"]) == ("canvas", "10000")
    inked = [page.evaluate("inked()")]
    page.mouse.move(500, 300)
    page.mouse.down()
    page.mouse.move(560, 340, steps=5)
    page.mouse.up()
    settle(page)
    inked.append(page.evaluate("inked()"))
    assert min(inked) > 0.02
    assert inked[0] != inked[1]


def test_without_toolbar_panel_and_map(page: Page):
    show(page, graph(), {"toolbar": False, "detail": False, "minimap": False, "height": 200})
    page.mouse.click(*middle_of(page, "n10"))
    for key in ("ArrowUp", "e", "d", "/", "f", "?", "Escape", "Escape", "+", "+", "+"):
        page.keyboard.press(key)
    assert not page.locator(".ari-bar, .ari-detail:visible, .ari-minimap:visible").count()
    other = {**graph(), "start": {"grouping": "scopes"}}
    page.evaluate("graph => explorer.setDocument(graph)", other)
    assert facts(page)["nodes"] == "3"


def test_a_removed_explorer_leaves_nothing(page: Page):
    show(page, graph())
    page.evaluate("() => { explorer.destroy(); document.body.dataset.jpThemeLight = 'false'; }")
    settle(page)
    assert page.locator(".ari-explorer").count() == 0


def test_nothing_but_the_explorer_is_styled(page: Page):
    styles = (ROOT / "viz/static/explorer.css").read_text()
    selectors = [rule.split("{")[0] for rule in styles.replace("@media print{", "").split("}")]
    for selector in (part.strip() for one in selectors for part in one.split(",")):
        assert not selector or selector.startswith(".ari-"), selector
    show(page, graph())
    names: list[str] = page.evaluate(
        "[...document.querySelectorAll('[class]')].flatMap(e => [...e.classList])"
    )
    assert [name for name in names if not name.startswith("ari-")] == []
