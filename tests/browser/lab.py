"""Drives JupyterLab in headless Chromium.

By hand: `python tests/browser/lab.py NOTEBOOK OUTDIR [--dark]` runs a notebook, saves
screenshots from its top to its bottom and says what was seen.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import nbformat
from playwright.sync_api import Browser, Frame, Locator, Page, Request, Route, sync_playwright

TUTORIALS = Path(__file__).resolve().parents[2] / "notebooks"
VIEWPORT = {"width": 1400, "height": 1000}
SCROLL_STEP = 850
MAX_SCREENSHOTS = 30
SERVER_START_S = 60
KERNEL_START_MS = 60_000
RUN_MS = 110_000
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# Written as a user would set them: no news from the network, and every cell in the page, also
# those that are scrolled out of sight.
SETTINGS = {
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none"},
}
DARK = {"@jupyterlab/apputils-extension/themes": {"theme": "JupyterLab Dark"}}

# The tag of cells that end in an error to show it; JupyterLab goes on after them.
RAISES = "raises-exception"

KERNEL_IDLE = (
    "window.jupyterapp?.shell?.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"
)
# The run is not awaited here: Playwright would cut a long one off.
RUN_ALL = """() => {
    const app = window.jupyterapp;
    window.arignoteRunEnded = false;
    app.commands.execute('notebook:clear-all-cell-outputs')
        .then(() => app.commands.execute('notebook:run-all-cells'))
        .then(() => { window.arignoteRunEnded = true; });
}"""
# After an error the rest never runs.
ALL_RAN = """() => {
    const cells = [...window.jupyterapp.shell.currentWidget.content.model.cells]
        .filter(cell => cell.type === 'code' && cell.sharedModel.source.trim());
    const outputs = cells.flatMap(cell => cell.toJSON().metadata.tags?.includes('raises-exception')
        ? [] : cell.toJSON().outputs);
    return cells.every(cell => cell.executionCount !== null)
        || outputs.some(output => output.output_type === 'error');
}"""
NOTEBOOK_JSON = "JSON.stringify(window.jupyterapp.shell.currentWidget.content.model.toJSON())"
# Sizes of the SVG pictures that the page really drew; a broken one has no natural width.
DRAWN_SVGS = """() => [...document.querySelectorAll(
        '.jp-OutputArea-output svg, .jp-OutputArea-output img[src^="data:image/svg"]')]
    .filter(node => node.tagName !== 'IMG' || node.naturalWidth > 0)
    .map(node => node.getBoundingClientRect())
    .map(box => [box.width, box.height])
    .filter(([width, height]) => width > 20 && height > 20)"""
# Explorers that have drawn their graphs: how long that took, and how many nodes are seen.
EXPLORERS = """all => all.map(one => [Number(one.dataset.readyMs), Number(one.dataset.nodes)])"""
EXPLORER = ".ari-explorer[data-ready-ms]"
# Runs a line in the kernel beside the cells; gives the repr of an expression after it.
IN_KERNEL = """async ([code, expression]) => {
    const { kernel } = window.jupyterapp.shell.currentWidget.sessionContext.session;
    const future = kernel.requestExecute({
        code, user_expressions: { wanted: expression }, store_history: false });
    const { content } = await future.done;
    return content.user_expressions?.wanted?.data?.['text/plain'] ?? JSON.stringify(content);
}"""
THEME = """async dark => {
    const theme = dark ? 'JupyterLab Dark' : 'JupyterLab Light';
    await window.jupyterapp.commands.execute('apputils:change-theme', { theme });
}"""
NOTEBOOK_CELL = ".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Notebook .jp-Cell"
SCROLL_TO = """top => {
    const outer = document.querySelector('.jp-NotebookPanel:not(.lm-mod-hidden) '
        + '.jp-WindowedPanel-outer');
    outer.scrollTop = top;
    return [outer.scrollTop, outer.scrollHeight - outer.clientHeight];
}"""


@dataclass(frozen=True)
class Lab:
    """A JupyterLab server that runs on this machine."""

    url: str
    folder: Path


@dataclass
class Report:
    """What was seen while a notebook ran in the browser."""

    errors: list[str] = field(default_factory=list)
    stderr: list[str] = field(default_factory=list)
    not_run: list[str] = field(default_factory=list)
    svg_sizes: list[tuple[float, float]] = field(default_factory=list)
    explorers: list[tuple[float, int]] = field(default_factory=list)
    outside_requests: list[str] = field(default_factory=list)
    page_errors: list[str] = field(default_factory=list)
    screenshots: list[Path] = field(default_factory=list)
    seconds: float = 0.0


def chromium_path() -> str | None:
    """The browser to drive, if this machine has one."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


def free_port() -> int:
    """A port that nobody listened on a moment ago."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def answer(url: str, method: str = "GET") -> bytes | None:
    """The body of a reply of the server, None while it does not answer."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=5) as reply:
            return reply.read()
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return None


def write_settings(folder: Path, settings: dict[str, dict]) -> None:
    """Puts JupyterLab's user settings where JUPYTERLAB_SETTINGS_DIR points."""
    for plugin, values in settings.items():
        path = folder / f"{plugin}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values), "utf-8")


@contextmanager
def running_lab(folder: Path, dark: bool = False) -> Iterator[Lab]:
    """JupyterLab on a folder, for the length of a `with` block, with a configuration of its own.

    It listens on 127.0.0.1 alone, since it asks for no token.
    """
    with tempfile.TemporaryDirectory(prefix="arignote-lab-") as temporary:
        home = Path(temporary)
        write_settings(home / "settings", SETTINGS | (DARK if dark else {}))
        names = ["config", "data", "runtime", "ipython", "workspaces"]
        keys = ["JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"]
        keys += ["JUPYTERLAB_WORKSPACES_DIR"]
        environment = os.environ | {k: str(home / n) for k, n in zip(keys, names, strict=True)}
        environment["JUPYTERLAB_SETTINGS_DIR"] = str(home / "settings")
        port = free_port()
        command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--ip=127.0.0.1"]
        command += [f"--port={port}", "--ServerApp.port_retries=0", "--allow-root"]
        command += ["--IdentityProvider.token=", "--ServerApp.password="]
        command += ["--ServerApp.disable_check_xsrf=True", f"--ServerApp.root_dir={folder}"]
        command += ["--LabApp.expose_app_in_browser=True", "--LabApp.news_url=None"]
        log = home / "server.log"
        with log.open("w") as sink:
            server = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                env=environment,
                start_new_session=True,
            )
        lab = Lab(f"http://127.0.0.1:{port}", folder)
        try:
            wait_for_server(lab, server, log)
            yield lab
        finally:
            end_kernels(lab)
            end_server(server)


def wait_for_server(lab: Lab, server: subprocess.Popen, log: Path) -> None:
    """Returns once the server answers; its log is in the error when it never does."""
    deadline = time.monotonic() + SERVER_START_S
    while answer(f"{lab.url}/api/status") is None:
        if server.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"JupyterLab did not start:\n{log.read_text()[-3000:]}")
        time.sleep(0.1)


def end_kernels(lab: Lab) -> None:
    """Ends the sessions: kernels outlive a server that is killed."""
    for session in json.loads(answer(f"{lab.url}/api/sessions") or b"[]"):
        answer(f"{lab.url}/api/sessions/{session['id']}", "DELETE")


def end_server(server: subprocess.Popen) -> None:
    """Ends the server, kindly at first."""
    server.send_signal(signal.SIGTERM)
    try:
        server.wait(10)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


@contextmanager
def chromium() -> Iterator[Browser]:
    """Headless Chromium for the length of a `with` block."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=CHROMIUM_FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def open_file(browser: Browser, path: Path, ready: str, width: int, height: int) -> Iterator[Page]:
    """The page of a saved file once it is ready; errors on it and any request fail the test."""
    seen: list[str] = []
    with browser.new_context(viewport={"width": width, "height": height}) as context:
        opened = context.new_page()
        opened.on("pageerror", lambda error: seen.append(str(error)))
        opened.goto(path.as_uri())
        opened.on("request", lambda asked: seen.append(asked.url))
        opened.wait_for_selector(ready)
        yield opened
    assert seen == []


@contextmanager
def open_notebook(browser: Browser, lab: Lab, name: str, report: Report) -> Iterator[Page]:
    """The page of a notebook whose kernel is ready, for the length of a `with` block."""
    # By itself a page of Playwright says that its reader wants light colours, whatever the theme.
    page = browser.new_page(viewport=VIEWPORT, color_scheme="null")
    try:
        stay_inside(page, report)
        page.on("pageerror", lambda error: report.page_errors.append(str(error)))
        page.goto(f"{lab.url}/lab/tree/{quote(name)}?reset")
        page.wait_for_function(KERNEL_IDLE, timeout=KERNEL_START_MS)
        yield page
    finally:
        page.close()


def without_progress(outputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A cell's outputs but for lines on compiling, which are there when a machine is slow."""
    texts = [output.get("data", {}).get("text/plain", "") for output in outputs]
    return [
        output
        for output, text in zip(outputs, texts, strict=True)
        if not "".join(text).startswith(("compiling C: ", "compiled C: "))
    ]


def run_all(page: Page, report: Report) -> None:
    """Clears the notebook, runs all its cells and notes what came out."""
    start = time.monotonic()
    page.evaluate(RUN_ALL)
    page.wait_for_function("window.arignoteRunEnded", timeout=RUN_MS)
    # The command may end before the cells that follow one with an error.
    page.wait_for_function(ALL_RAN, timeout=RUN_MS)
    page.wait_for_function(KERNEL_IDLE, timeout=RUN_MS)
    report.seconds = time.monotonic() - start
    page.wait_for_timeout(500)
    read_outputs(json.loads(page.evaluate(NOTEBOOK_JSON)), report)


def run_notebook(browser: Browser, lab: Lab, name: str, pictures: Path) -> Report:
    """Opens a notebook, clears it, runs all cells and looks at what came out."""
    report = Report()
    with open_notebook(browser, lab, name, report) as page:
        run_all(page, report)
        report.svg_sizes = [tuple(size) for size in page.evaluate(DRAWN_SVGS)]
        report.explorers = drawn_explorers(page)
        take_screenshots(page, pictures / Path(name).stem, report)
    return report


def drawn_explorers(page: Page) -> list[tuple[float, int]]:
    """The explorers in a page and its frames: milliseconds until they were ready, and nodes."""
    found = [frame.eval_on_selector_all(EXPLORER, EXPLORERS) for frame in page.frames]
    return [(ready, nodes) for many in found for ready, nodes in many]


def cell_at(page: Page, place: int) -> Locator:
    """A cell of the notebook that is open."""
    return page.locator(NOTEBOOK_CELL).nth(place)


def frame_in(page: Page, place: int) -> Frame:
    """The page within the output of a cell."""
    found = cell_at(page, place).locator("iframe.ari-frame").element_handle().content_frame()
    assert found is not None
    return found


def in_kernel(page: Page, code: str, expression: str = "None") -> Any:
    """The value of an expression in the kernel, after some code has run there."""
    return ast.literal_eval(page.evaluate(IN_KERNEL, [code, expression]))


def set_theme(page: Page, dark: bool) -> None:
    """Changes JupyterLab's theme."""
    page.evaluate(THEME, dark)
    shown = "false" if dark else "true"
    page.wait_for_selector(f"body[data-jp-theme-light={shown}]", state="attached")


def write_notebook(folder: Path, name: str, cells: Sequence[str]) -> None:
    """A notebook of code cells, in the folder that a server shows."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(x) for x in cells])
    # Without a name of a kernel JupyterLab asks for one.
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(notebook, folder / name)


def stay_inside(page: Page, report: Report) -> None:
    """Refuses, and notes, every request that leaves this machine."""

    def decide(route: Route, request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme in {"data", "blob", "about"} or parts.hostname == "127.0.0.1":
            route.continue_()
        else:
            report.outside_requests.append(request.url)
            route.abort()

    page.route("**/*", decide)


def read_outputs(notebook: dict, report: Report) -> None:
    """Notes errors, stderr and cells that never ran."""
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] != "code" or not source.strip():
            continue
        if cell["execution_count"] is None:
            report.not_run.append(source)
        is_meant = RAISES in cell["metadata"].get("tags", [])
        for output in cell["outputs"]:
            if output["output_type"] == "error" and not is_meant:
                report.errors.append(f"{output['ename']}: {output['evalue']}\n{source}")
            if output.get("name") == "stderr":
                report.stderr.append("".join(output["text"]))


def take_screenshots(page: Page, stem: Path, report: Report) -> None:
    """Pictures from the top to the bottom of the notebook, numbered."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    for number in range(MAX_SCREENSHOTS):
        at, end = page.evaluate(SCROLL_TO, number * SCROLL_STEP)
        page.wait_for_timeout(150)
        path = stem.with_name(f"{stem.name}_{number:02d}.png")
        page.screenshot(path=path)
        report.screenshots.append(path)
        if at >= end - 1:
            return


def main() -> int:
    """Runs one notebook and prints the report; 1 when something was wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notebook", type=Path)
    parser.add_argument("outdir", type=Path)
    parser.add_argument("--dark", action="store_true", help="JupyterLab's dark theme")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="arignote-notebook-") as folder:
        shutil.copy(options.notebook, folder)
        with running_lab(Path(folder), options.dark) as lab, chromium() as browser:
            report = run_notebook(browser, lab, options.notebook.name, options.outdir)
    drawn = f"SVGs drawn: {len(report.svg_sizes)}, explorers: {report.explorers}"
    print(f"ran in {report.seconds:.1f} s; {drawn}")
    for path in report.screenshots:
        print(path)
    wrong = {
        "error": report.errors,
        "stderr": report.stderr,
        "never run": report.not_run,
        "asked for outside": report.outside_requests,
        "page error": report.page_errors,
    }
    for what, many in wrong.items():
        for one in many:
            print(f"{what}: {one}")
    return int(bool(report.errors or report.not_run or report.outside_requests))


if __name__ == "__main__":
    sys.exit(main())
