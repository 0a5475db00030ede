"""The explorer in the real JupyterLab: every control within the frame of a cell's output.

Oracle: what the kernel says of the same graph.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from playwright.sync_api import Frame, Locator, Page

from browser.lab import (
    NOTEBOOK_CELL,
    Browser,
    Lab,
    Report,
    cell_at,
    frame_in,
    in_kernel,
    open_notebook,
    run_all,
    set_theme,
)
from notebooks.showcase import EXPLORERS, MODEL, notebook_of

PLACES = {name: place for place, name in enumerate(EXPLORERS)}
FRAMES = [name for name in PLACES if name not in ("setup", "train", "live")]
Json = dict[str, Any]


@pytest.fixture(scope="module")
def page(browser: Browser, lab: Lab, pictures: Path) -> Iterator[Page]:
    """The notebook after all of its cells ran; errors and requests to outside fail the tests."""
    nbformat.write(notebook_of(EXPLORERS), lab.folder / "explorers.ipynb")
    report = Report()
    pictures.mkdir(parents=True, exist_ok=True)
    with open_notebook(browser, lab, "explorers.ipynb", report) as opened:
        opened.set_default_timeout(30_000)
        run_all(opened, report)
        assert report.errors == report.not_run == report.stderr == []
        for name in FRAMES:
            frame_in(opened, PLACES[name]).wait_for_selector(".ari-explorer[data-ready-ms]")
        yield opened
    assert report.outside_requests == report.page_errors == []


@pytest.fixture
def frame(page: Page) -> Frame:
    """The explorer of a function as it is at first: all of its boxes of kernels open."""
    found = frame_in(page, PLACES["heat"])
    cell_at(page, PLACES["heat"]).locator("iframe").scroll_into_view_if_needed()
    found.evaluate("() => { ariView.select(null); ariView.open('kernel', 'all'); }")
    found.locator(".ari-view").focus()
    settle(found)
    return found


def settle(frame: Frame | Page) -> None:
    """Waits for two frames."""
    frame.evaluate(
        "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
    )


def facts(frame: Frame | Page) -> dict[str, str]:
    """What the explorer says of itself."""
    found: dict[str, str] = frame.locator(".ari-explorer").evaluate("one => ({...one.dataset})")
    return found


@pytest.fixture(scope="module")
def train(page: Page) -> Json:
    """The graph of the function as the kernel tells it."""
    found: Json = in_kernel(page, "", "viz.explore(train, heat='time').document")
    return found


def node_named(graph: Json, name: str) -> int:
    return next(n for n, node in enumerate(graph["nodes"]) if node.get("name") == name)


def reachable(graph: Json, start: int, upward: bool) -> set[int]:
    """The nodes that one depends on, or that depend on it."""
    pairs = [(end, begin) if upward else (begin, end) for begin, end, *_ in graph["edges"]]
    found, before = {start}, set()
    while found != before:
        before = found
        found = found | {there for here, there in pairs if here in found}
    return found - {start}


def test_every_display_of_a_graph_is_an_explorer(page: Page, train: Json):
    for name in FRAMES:
        seen = facts(frame_in(page, PLACES[name]))
        assert float(seen["readyMs"]) > 0
        assert int(seen["nodes"]) > 1
        # What is seen where frames are not stays out of sight here.
        assert not cell_at(page, PLACES[name]).locator(".ari-static img").is_visible()
    for name in ("line", "function", "heat"):
        assert facts(frame_in(page, PLACES[name]))["total"] == str(len(train["nodes"]))
    summary = cell_at(page, PLACES["function"]).locator("summary").first
    assert "train(x, y) → loss" in summary.inner_text()
    # The styles of the live explorer, which is in the page itself, leave those of others alone.
    assert inside(summary.locator(".ari-note"), summary)


def test_a_click_on_a_node_tells_all_of_it(page: Page, frame: Frame, train: Json, pictures: Path):
    chosen = node_named(train, "h")
    frame.evaluate(f"ariView.focus({chosen})")
    frame.evaluate("ariView.select(null)")
    settle(frame)
    frame.locator(f'[data-item="n{chosen}"] rect').last.click()
    assert facts(frame)["selected"] == str(chosen)
    node = train["nodes"][chosen]
    panel = frame.locator(".ari-detail").inner_text()
    line = MODEL.splitlines().index("    h = T.tanh(x @ W1 + b1)") + 1
    assert f"cell In[2], line {line}" in panel
    assert "h = T.tanh(x @ W1 + b1)" in panel
    for part in (node["type"], node["doc"], node["scope"]):
        assert part in panel
    code = frame.locator(".ari-detail pre").last.inner_text().strip()
    assert "for (" in code
    made = "from arignote.viz.output.code import source"
    generated = in_kernel(page, made, "source(train, 'h').text")
    assert words(code) <= words(generated)
    page.screenshot(path=pictures / "explorer_detail.png")
    # Links in the panel go on to the neighbours.
    frame.locator(".ari-detail [data-go]").first.click()
    above = {start for start, end, *_ in train["edges"] if end == chosen}
    assert int(facts(frame)["selected"]) in above


def inside(part: Locator, whole: Locator) -> bool:
    """Whether a part of the page is drawn within another one."""
    inner, outer = part.bounding_box(), whole.bounding_box()
    assert inner is not None
    assert outer is not None
    return outer["y"] <= inner["y"] and (
        inner["y"] + inner["height"] <= outer["y"] + outer["height"] + 1
    )


def words(code: str) -> set[str]:
    return set(code.split())


def test_what_a_node_needs_and_what_needs_it_stand_out(
    page: Page, frame: Frame, train: Json, pictures: Path
):
    chosen = node_named(train, "p")
    frame.evaluate(f"ariView.focus({chosen})")
    settle(frame)
    looks = frame.locator("[data-item]").evaluate_all(
        """all => Object.fromEntries(all.map(one => [one.dataset.item.slice(1),
            one.getAttribute("opacity") ? "" : one.querySelector("rect,path").getAttribute("stroke")
        ]))"""
    )
    colours = frame.locator(".ari-keys i").evaluate_all(
        "all => all.map(one => getComputedStyle(one).backgroundColor)"
    )
    up, down = (hexadecimal(colour) for colour in colours)
    found = {way: {int(n) for n, look in looks.items() if look == way} for way in (up, down)}
    assert found[up] == reachable(train, chosen, upward=True)
    assert found[down] == reachable(train, chosen, upward=False)
    pale = {int(n) for n, look in looks.items() if look == ""}
    assert pale == set(range(len(train["nodes"]))) - found[up] - found[down] - {chosen}
    page.screenshot(path=pictures / "explorer_streams.png")


def hexadecimal(colour: str) -> str:
    """`rgb(1, 2, 3)` as a palette has it."""
    return "#" + "".join(f"{int(n):02x}" for n in colour[4:-1].split(","))


def test_boxes_fold_and_open(page: Page, frame: Frame, train: Json):
    kernels = train["groupings"][0]
    assert facts(frame)["nodes"] == str(len(train["nodes"]))
    frame.get_by_role("button", name="Fold all boxes").click()
    outside = kernels["of"].count(None)
    tops = sum(box.get("parent") is None for box in kernels["boxes"])
    assert facts(frame)["nodes"] == str(outside + tops)
    largest = max(range(len(kernels["boxes"])), key=kernels["of"].count)
    frame.locator(f'[data-item="b{largest}"]').dblclick()
    settle(frame)
    inside = kernels["of"].count(largest)
    assert facts(frame)["nodes"] == str(outside + tops - 1 + inside)
    frame.evaluate(f"ariView.select({kernels['of'].index(largest)})")
    frame.locator(".ari-view").focus()
    page.keyboard.press("o")
    assert facts(frame)["nodes"] == str(outside + tops)
    frame.get_by_role("button", name="Open all boxes").click()
    assert facts(frame)["nodes"] == str(len(train["nodes"]))


def test_the_menu_of_boxes(frame: Frame, train: Json):
    menu = frame.locator("[data-act=grouping] option")
    names = [grouping["name"] for grouping in train["groupings"]]
    assert menu.evaluate_all("all => all.map(one => one.value)") == ["", *names]
    assert {"kernel", "scope", "line"} <= set(names)
    for grouping in train["groupings"]:
        frame.select_option("[data-act=grouping]", grouping["name"])
        tops = sum(box.get("parent") is None for box in grouping["boxes"])
        assert facts(frame)["nodes"] == str(tops + grouping["of"].count(None))
    frame.select_option("[data-act=grouping]", "scope")
    labels = frame.locator("[data-item^=b]").all_text_contents()
    assert [text for text in labels if "hidden" in text]
    frame.select_option("[data-act=grouping]", "")
    assert facts(frame)["nodes"] == str(len(train["nodes"]))


def test_search(page: Page, frame: Frame, train: Json):
    frame.locator(".ari-view").focus()
    page.keyboard.press("/")
    page.keyboard.type("W1")
    hits = [
        int(n) for n in frame.locator("[data-hit]").evaluate_all("a => a.map(e => e.dataset.hit)")
    ]
    wanted = {
        number for number, node in enumerate(train["nodes"])
        if "w1" in " ".join(str(value) for value in node.values()).lower()
    }  # fmt: skip
    assert node_named(train, "W1") == hits[0]
    assert set(hits) <= wanted
    assert frame.locator(".ari-found").inner_text() == str(len(hits))
    page.keyboard.press("Enter")
    assert facts(frame)["selected"] == str(hits[0])
    page.keyboard.press("Enter")
    assert frame.locator(".ari-found").inner_text() == f"2 of {len(hits)}"
    page.keyboard.press("Escape")
    assert frame.locator(".ari-search input").input_value() == ""


def test_keys(page: Page, frame: Frame):
    view = frame.locator(".ari-view")
    view.focus()
    for _ in range(4):
        page.keyboard.press("+")
    large = float(facts(frame)["scale"])
    page.keyboard.press("f")
    settle(frame)
    assert float(facts(frame)["scale"]) < large
    labels = frame.get_by_role("button", name="Labels on edges")
    page.keyboard.press("e")
    assert labels.get_attribute("aria-pressed") == "true"
    page.keyboard.press("e")
    assert labels.get_attribute("aria-pressed") == "false"
    page.keyboard.press("?")
    assert frame.get_by_role("heading", name="Keys").is_visible()
    page.keyboard.press("Escape")
    assert not frame.get_by_role("heading", name="Keys").is_visible()
    # Keys that JupyterLab has commands for stay in the frame: no cell was cut, none was added.
    assert page.locator(NOTEBOOK_CELL).count() == len(EXPLORERS)


def test_heat(page: Page, frame: Frame, train: Json):
    heat = frame.locator("[data-act=heat]")
    assert heat.input_value() == "time"
    of = train["heats"][0]["of"]
    assert frame.locator(".ari-heat").inner_text().split()[:2] == ["time", "(us)"]
    hottest = max(range(len(of)), key=lambda node: of[node] or 0)
    frame.evaluate(f"ariView.focus({hottest})")
    assert frame.get_by_role("heading", name="Measured").is_visible()
    heat.select_option("")
    assert not frame.locator(".ari-heat").is_visible()
    heat.select_option("time")
    assert frame.locator(".ari-heat").is_visible()


@pytest.mark.parametrize("name", ["SVG", "PNG", "HTML"])
def test_files_are_saved(
    page: Page, frame: Frame, train: Json, browser: Browser, tmp_path: Path, name: str
):
    frame.get_by_role("button", name="Save as a file").click()
    label = "one HTML page" if name == "HTML" else name
    with page.expect_download() as waiting:
        frame.get_by_role("button", name=f"Save as {label}").click()
    assert waiting.value.suggested_filename == f"train.{name.lower()}"
    path = tmp_path / waiting.value.suggested_filename
    waiting.value.save_as(path)
    if name == "SVG":
        texts = "".join(ET.fromstring(path.read_text()).itertext())
        print(texts)
        assert "h = tanh" in texts
    elif name == "PNG":
        data = path.read_bytes()
        width, height = (int.from_bytes(data[k : k + 4], "big") for k in (16, 20))
        assert data.startswith(b"\x89PNG")
        assert min(width, height) > 200
    else:
        assert path.stat().st_size < 400_000
        assert_saved_page_draws(browser, path, len(train["nodes"]))


def assert_saved_page_draws(browser: Browser, path: Path, nodes: int) -> None:
    """A saved page draws the same graph, and asks for nothing."""
    asked: list[str] = []
    with browser.new_context(offline=True) as context:
        saved = context.new_page()
        saved.goto(path.as_uri())
        saved.on("request", lambda request: asked.append(request.url))
        saved.wait_for_selector(".ari-explorer[data-ready-ms]")
        assert facts(saved)["total"] == str(nodes)
    assert asked == []


def test_a_widget_tells_python_and_listens(page: Page, pictures: Path):
    cell = cell_at(page, PLACES["live"])
    cell.scroll_into_view_if_needed()
    cell.locator(".ari-explorer[data-ready-ms]").wait_for()
    graph = in_kernel(page, "", "live.document")
    chosen = node_named(graph, "h")
    assert in_kernel(page, "", "live.selected") is None
    cell.locator(f'[data-item="n{chosen}"] rect').last.click()
    assert in_kernel(page, "", "(live.selected, live.selected_node.values[0].name)") == (
        chosen,
        "h",
    )
    other = node_named(graph, "p")
    in_kernel(page, f"live.focus = {other}")
    cell.locator(f'.ari-explorer[data-selected="{other}"]').wait_for()
    assert "p = T.nnet.softmax(h @ W2)" in cell.locator(".ari-detail").inner_text()
    assert in_kernel(page, "", "live.selected") == other
    in_kernel(page, f"live.selected = {chosen}")
    cell.locator(f'.ari-explorer[data-selected="{chosen}"]').wait_for()
    # A picture and a text can be saved here too; the page cannot, it is JupyterLab's.
    cell.get_by_role("button", name="Save as a file").click()
    assert not cell.get_by_role("button", name="Save as one HTML page").is_visible()
    with page.expect_download() as waiting:
        cell.get_by_role("button", name="Save as SVG").click()
    ET.parse(waiting.value.path())
    page.screenshot(path=pictures / "explorer_widget.png")
    in_kernel(page, "live.document = viz.explore(net.h).document")
    total = in_kernel(page, "", "len(live.document['nodes'])")
    cell.locator(f'.ari-explorer[data-total="{total}"]').wait_for()
    assert in_kernel(page, "", "live.selected") is None


@pytest.mark.parametrize(("name", "width"), [("dark", 1400), ("light", 900)])
def test_views_follow_the_theme(page: Page, pictures: Path, name: str, width: int):
    wide = page.viewport_size
    page.set_viewport_size({"width": width, "height": 1000})
    set_theme(page, dark=name == "dark")
    for shown in (*FRAMES, "live"):
        cell = cell_at(page, PLACES[shown])
        # Browsers leave frames alone that are out of sight.
        cell.evaluate("one => one.scrollIntoView()")
        inside = cell if shown == "live" else frame_in(page, PLACES[shown])
        inside.locator(f".ari-explorer[data-theme={name}]").wait_for()
        page.wait_for_timeout(100)
        page.screenshot(path=pictures / f"explorer_{shown}_{name}_{width}.png")
    page.set_viewport_size(wide)
