"""Pages: the scripts, styles and data of a view put together, as a file or within a notebook.

Nothing is fetched: a page holds all that it shows. Scripts and data are compressed, which keeps
the outputs of a notebook small and leaves nothing in them that HTML would have to escape.
"""

import base64
import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache
from html import escape
from typing import Any

from arignote.errors import GraphError, join_names, message
from arignote.viz.files import static_text

# What one output may add to a notebook, and how far a view fills that: other parts of a display
# need some room too.
MAX_OUTPUT_BYTES, MAX_VIEW_BYTES = 200_000, 190_000
_IMPORT = re.compile(r'^import \{[^}]*\} from "\./([\w.]+)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?function|class|const|let)", re.MULTILINE)
_COMMENT = re.compile(r"^[ \t]*(?:/\*(?:[^*]|\*(?!/))*\*/|//[^\n]*)\n", re.MULTILINE)


class Theme(Enum):
    """The colours of a page."""

    AUTO = "auto"
    LIGHT = "light"
    DARK = "dark"

    @classmethod
    def _missing_(cls, value: object) -> "Theme":
        known = join_names([repr(theme.value) for theme in cls])
        raise GraphError(message(f"there is no theme {value!r}.", hint=known))


@dataclass(frozen=True)
class App:
    """A view that is written in JavaScript.

    Attributes
    ----------
    entry : str
        The file in `static/` that exports the function.
    function : str
        Called with an element of the page, the data and options.
    styles : tuple of str
        Files in `static/`.
    """

    entry: str
    function: str
    styles: tuple[str, ...] = ("explorer.css",)


@cache
def script(entry: str) -> str:
    """A file in `static/` and all that it imports as one script without imports and exports.

    Files come in an order in which each follows what it imports. Comments on lines of their own
    are left out.
    """
    return "".join([_plain(static_text(name)) for name in modules(entry)])


@cache
def module(entry: str, render: str) -> str:
    """A file in `static/` and all that it imports as the one module of a widget.

    Parameters
    ----------
    entry : str
    render : str
        The function that shows a widget's model in an element.
    """
    return f"{script(entry)}export default {{ render: {render} }};\n"


def modules(entry: str) -> list[str]:
    """A file in `static/` and what it imports, each after what it needs itself."""
    found: list[str] = []
    waiting = [entry]
    while waiting:
        name = waiting[-1]
        missing = [need for need in _IMPORT.findall(static_text(name)) if need not in found]
        if name in found or not missing:
            waiting.pop()
            found += [] if name in found else [name]
        elif missing[0] in waiting:
            raise ValueError(f"{name} and {missing[0]} import each other")
        else:
            waiting.append(missing[0])
    return found


def _plain(text: str) -> str:
    return _COMMENT.sub("", _EXPORT.sub("", _IMPORT.sub("", text)))


@cache
def style(*names: str) -> str:
    """Files in `static/` as one style sheet."""
    return "".join([_COMMENT.sub("", static_text(name)) for name in names])


def to_json(data: Any) -> str:
    """Data as JSON text that holds nothing but ASCII."""
    return json.dumps(data, separators=(",", ":"), allow_nan=False)


def _packed(data: Any) -> str:
    return base64.b64encode(zlib.compress(to_json(data).encode(), 9)).decode()


@cache
def _code(app: App) -> str:
    shown = f"globalThis.ariMount = {app.function};"
    text = f'(() => {{\n"use strict";\n{script(app.entry)}{shown}\n}})();'
    return _packed({"style": style(*app.styles), "script": text})


def page(
    data: Mapping[str, Any],
    *,
    app: App,
    title: str = "",
    theme: Theme = Theme.AUTO,
    options: Mapping[str, Any] | None = None,
) -> str:
    """A view as a complete HTML page that needs nothing else.

    Parameters
    ----------
    data : mapping
        What the view shows, such as a document; anything that `json.dumps` takes.
    app : App
    title : str
    theme : Theme
        AUTO follows the browser, or the page that this one is in.
    options : mapping, optional
        For the app's function.
    """
    given = {"height": "100vh", "theme": theme.value, **(options or {})}
    return _assembled({"ari-code": _code(app), "ari-data": _packed([data, given])}, title, theme)


def packed_page(text: str, *, title: str = "", theme: Theme = Theme.AUTO) -> str:
    """A complete page as one that holds it compressed.

    Parameters
    ----------
    text : str
        HTML.
    title : str
    theme : Theme
    """
    return _assembled({"ari-page": _packed(text)}, title, theme)


def _assembled(parts: Mapping[str, str], title: str, theme: Theme) -> str:
    """A page with packed parts, and the script that unpacks them."""
    schemes = "light dark" if theme is Theme.AUTO else theme.value
    held = [_held(name, part) for name, part in parts.items()]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f'<meta name="color-scheme" content="{schemes}">'
        f"<title>{escape(_clean(title) or 'Arignote')}</title>"
        "<style>body{margin:0}</style></head><body>"
        '<div id="ari-root">This view needs JavaScript.</div>'
        f"{''.join(held)}<script>{_plain(static_text('unpack.js'))}</script></body></html>\n"
    )


def _held(name: str, text: str) -> str:
    return f'<script type="text/plain" id="{name}">{text}</script>'


def frame(page_text: str, *, height: int, theme: Theme = Theme.AUTO, picture: str = "") -> str:
    """A page within another one, such as the output of a cell, from which it is kept apart.

    The page in the frame cannot see the theme of the notebook around it. But the frame itself is
    an element of the notebook, and a style gives it a colour scheme. That is what the page in it
    gets for `prefers-color-scheme`, in Safari only since 2026 and in Chromium not after every
    change; so a script tells it too, where scripts run.

    Parameters
    ----------
    page_text : str
        A complete page.
    height : int
        In pixels.
    theme : Theme
    picture : str
        An SVG picture that is seen where the page is not: in a notebook that is not trusted, and
        where scripts do not run.
    """
    scheme = "" if theme is Theme.AUTO else f";color-scheme:{theme.value}!important"
    static = ""
    if picture:
        static = (
            '<details class="ari-static" open><summary>static picture</summary>'
            f"{image(picture, 'the graph', theme)}</details>"
        )
    return (
        f"<div><style>{style('frame.css')}</style>"
        f'<iframe class="ari-frame" sandbox="allow-scripts allow-downloads" '
        f'style="height:{height}px{scheme}" height="{height}" title="graph" '
        f'srcdoc="{escape(page_text)}"></iframe>{static}<script>{script("frame.js")}</script></div>'
    )


def image(svg: str, about: str, theme: Theme = Theme.AUTO) -> str:
    """A picture as an HTML element that is seen in notebooks that are not trusted too.

    Parameters
    ----------
    svg : str
        The document.
    about : str
        What it shows, for those who do not see it.
    theme : Theme
        AUTO follows the page.
    """
    data = base64.b64encode(svg.encode()).decode()
    scheme = "" if theme is Theme.AUTO else f";color-scheme:{theme.value}!important"
    return (
        f'<img class="ari-image" alt="{escape(about)}" style="max-width:100%;height:auto{scheme}"'
        f' src="data:image/svg+xml;base64,{data}">'
    )


def picture_forms(plain: str, svg: str, about: str) -> dict[str, str]:
    """The forms, by MIME type, in which notebooks show what is a picture and nothing else.

    Parameters
    ----------
    plain : str
        The text for where there are no pictures.
    svg, about : str
        As for `image`.
    """
    html = f"<style>{style('frame.css')}</style>{image(svg, about)}"
    return {"text/plain": plain, "text/html": html, "image/svg+xml": svg}


def _clean(text: str) -> str:
    """The text without halves of surrogate pairs, which no file can hold."""
    return text.encode("utf-8", "replace").decode()
