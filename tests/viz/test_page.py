"""Pages. Oracles: Node's parser and engine, zlib, Python's HTML parser."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import zlib
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import arignote.tensor as T
from arignote.viz import files, view
from arignote.viz.explorer.document import document
from arignote.viz.explorer.explorer import APP
from arignote.viz.output import page as pages
from arignote.viz.output.page import (
    App,
    Theme,
    frame,
    module,
    modules,
    packed_page,
    page,
    picture_forms,
    script,
    style,
)
from arignote.viz.output.squeeze import column, squeezed
from printing.graphs import chain, train_function

node = shutil.which("node")
needs_node = pytest.mark.skipif(node is None, reason="needs Node")
HOSTILE = "</script></iframe><!--\"&'<b>\ud800"


class Reader(HTMLParser):
    """The tags of a page with their attributes, and the text in each script."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: dict[str | None, str] = {}
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        tag, attributes = self.tags[-1] if self.tags else ("", {})
        if tag == "script":
            key = attributes.get("id")
            self.scripts[key] = self.scripts.get(key, "") + data
        self.text += data


def unpacked(text: str):
    return json.loads(zlib.decompress(base64.b64decode(text)))


def run_node(code: str, folder: Path) -> str:
    path = folder / "run.mjs"
    path.write_text(code, "utf-8")
    done = subprocess.run([node, str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


# ---- scripts ------------------------------------------------------------------------------------

STATIC = sorted(path.name for path in files.STATIC.glob("*.js"))


@needs_node
@pytest.mark.parametrize("name", STATIC)
def test_each_file_with_all_it_imports_is_one_script(name: str, tmp_path: Path):
    text = script(name)
    assert not re.search(r"^(import|export)\b", text, re.MULTILINE)
    path = tmp_path / "script.js"
    path.write_text(f"(() => {{\n'use strict';\n{text}}});", "utf-8")
    done = subprocess.run([node, "--check", str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", STATIC)
def test_files_follow_what_they_import(name: str):
    order = modules(name)
    assert order[-1] == name
    for place, file in enumerate(order):
        text = (files.STATIC / file).read_text("utf-8")
        for needed in re.findall(r'from "\./([\w.]+)"', text):
            assert order.index(needed) < place


def test_files_that_import_each_other_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "a.js").write_text('import { b } from "./b.js";\nexport const a = 1;\n')
    (tmp_path / "b.js").write_text('import { a } from "./a.js";\nexport const b = 1;\n')
    monkeypatch.setattr(files, "STATIC", tmp_path)
    files.static_text.cache_clear()
    with pytest.raises(ValueError, match="import each other"):
        modules("a.js")
    files.static_text.cache_clear()


def test_comments_go_and_strings_stay():
    text = pages._plain(
        "/** About. */\n  // alone\nconst a = 'x // y /* z */'; // kept\n/* two\n * lines */\n"
        "const url = `/*${a}*/`;\n/* first */ const b = 2;\n"
    )
    assert text == (
        "const a = 'x // y /* z */'; // kept\nconst url = `/*${a}*/`;\n/* first */ const b = 2;\n"
    )


@needs_node
def test_the_module_of_a_widget_has_a_default_export(tmp_path: Path):
    path = tmp_path / "widget.mjs"
    path.write_text(module("widget.js", "renderExplorer"), "utf-8")
    code = f'import widget from "{path}"; console.log(Object.keys(widget), typeof widget.render);'
    assert run_node(code, tmp_path).split() == ["[", "'render'", "]", "function"]


# ---- squeezing ----------------------------------------------------------------------------------


def restored(documents: list, folder: Path) -> list:
    """What `restoredDocument` of the page's script makes of squeezed documents."""
    data = folder / "data.json"
    data.write_text(json.dumps([squeezed(one) for one in documents]), "utf-8")
    code = (
        'import { readFileSync } from "node:fs";\n'
        f"{script('squeeze.js')}"
        f'const read = JSON.parse(readFileSync("{data}", "utf-8"));\n'
        "console.log(JSON.stringify(read.map(restoredDocument)));"
    )
    return json.loads(run_node(code, folder))


@needs_node
def test_what_is_squeezed_comes_back(tmp_path: Path):
    f = train_function()
    f.wait()
    x = T.dvector(HOSTILE)
    documents = [
        document(view(f)),
        document(view(chain(30))),
        document(view(x)),
        document(view(T.dvector("lone"))),
        document(view(chain(1)), stats={1: {"min": 0.5, "nan": 0}}, alarms={2: "NaN"}),
    ]
    for found, given_ in zip(restored(documents, tmp_path), documents, strict=True):
        assert found == {"edges": [], **json.loads(json.dumps(given_))}


@given(st.lists(st.none() | st.integers(-5, 10_000)))
def test_columns_of_whole_numbers(values: list[int | None]):
    found = column(values)
    last, back = 0, []
    for step in found["steps"]:
        last += step or 0
        back.append(None if step is None else last)
    assert back == values


def test_other_columns_stay():
    for values in ([True, None], ["a", 1], [1.5, 2], [[1], None]):
        assert column(values) == {"plain": values}


# ---- pages --------------------------------------------------------------------------------------


def shown(title: str = "t", **options) -> str:
    return page(squeezed(document(view(chain(3)))), app=APP, title=title, **options)


def test_a_page_holds_its_script_style_and_data():
    read = Reader(shown(theme=Theme.DARK))
    code = unpacked(read.scripts["ari-code"])
    assert code["style"] == style("explorer.css")
    assert script("squeeze.js") in code["script"]
    data, options = unpacked(read.scripts["ari-data"])
    assert data == json.loads(json.dumps(squeezed(document(view(chain(3))))))
    assert options == {"height": "100vh", "theme": "dark"}


def test_nothing_is_fetched():
    text = shown()
    read = Reader(text)
    assert [dict(a) for _, a in read.tags if {"src", "href"} & set(a)] == []
    code = unpacked(read.scripts["ari-code"])
    for part in (code["script"], code["style"], read.scripts[None]):
        found = set(re.findall(r"https?://[^\s\"'`)]+", part))
        assert found <= {"http://www.w3.org/2000/svg"}
        assert not re.search(r"\b(fetch|XMLHttpRequest|WebSocket|importScripts)\b|url\(", part)


def test_titles_are_text():
    read = Reader(page({}, app=APP, title=HOSTILE))
    assert [tag for tag, _ in read.tags] == [
        tag for tag, _ in Reader(page({}, app=APP, title="t")).tags
    ]
    page({}, app=APP, title=HOSTILE).encode()


def test_other_apps_and_whole_pages():
    app = App("glyphs.js", "textWidth", ())
    code = unpacked(Reader(page({"a": 1}, app=app)).scripts["ari-code"])
    assert "globalThis.ariMount = textWidth;" in code["script"]
    inner = "<!doctype html><p>" + HOSTILE.replace("\ud800", "")
    assert unpacked(Reader(packed_page(inner)).scripts["ari-page"]) == inner


def test_a_frame_keeps_a_page_apart():
    text = shown()
    read = Reader(frame(text, height=300))
    ((_, attributes),) = [one for one in read.tags if one[0] == "iframe"]
    assert attributes["sandbox"] == "allow-scripts allow-downloads"
    assert attributes["srcdoc"] == text
    assert attributes["height"] == "300"
    assert "img" not in [tag for tag, _ in read.tags]


def test_a_frame_with_a_picture_for_where_frames_are_not():
    graph = view(chain(3))
    read = Reader(frame(shown(), height=300, picture=graph.svg))
    ((_, image),) = [one for one in read.tags if one[0] == "img"]
    kind, _, data = image["src"].partition(",")
    assert kind == "data:image/svg+xml;base64"
    assert base64.b64decode(data).decode() == graph.svg
    ((_, details),) = [one for one in read.tags if one[0] == "details"]
    assert "open" in details


def test_pictures_alone_have_all_forms():
    svg = view(chain(3)).svg
    forms = picture_forms("text", svg, HOSTILE.replace("\ud800", ""))
    assert (forms["text/plain"], forms["image/svg+xml"]) == ("text", svg)
    tags = Reader(forms["text/html"]).tags
    assert [tag for tag, _ in tags] == ["style", "img"]
    image = tags[-1][1]
    assert base64.b64decode(image["src"].partition(",")[2]).decode() == svg
    assert image["alt"] == HOSTILE.replace("\ud800", "")
    assert "max-width:100%" in image["style"]


@pytest.mark.parametrize(("theme", "schemes"), [("auto", "light dark"), ("dark", "dark")])
def test_themes(theme: str, schemes: str):
    text = shown(theme=Theme(theme))
    (meta,) = [a["content"] for tag, a in Reader(text).tags if a.get("name") == "color-scheme"]
    assert meta == schemes
    outer = frame(text, height=300, theme=Theme(theme))
    ((_, attributes),) = [one for one in Reader(outer).tags if one[0] == "iframe"]
    assert ("color-scheme:dark" in attributes["style"]) == (theme == "dark")


def test_equal_documents_give_equal_pages():
    assert shown() == shown()
