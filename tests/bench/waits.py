"""What a person at a notebook waits for: imports, explorers, and what looking on costs."""

from __future__ import annotations

import importlib.util
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import arignote as ari
from arignote import viz
from process import KEEP_BYTE_CODE

TRIES, PAIRS, PAGES = 5, 5, 9
SETTLE = 0.3  # seconds, in which a browser ends the process of a page
GRAPHS, LARGE = (91, 455, 2793), 10_000  # nodes
IMPORT = """from time import thread_time as clock
a = clock(); import numpy; b = clock(); import arignote; print(b - a, clock() - b)"""
EXTENSION = """from time import thread_time as clock
a = clock()
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
b = clock(); shell.run_line_magic("load_ext", "arignote"); print(b - a, clock() - b)"""
COUNTER = """%load_ext arignote
import numpy as np
from arignote import function, shared
v = shared(np.zeros(1000), "v")
train = function([], v.sum(), updates={v: v + 1})"""
# Says when a page's explorer is drawn, counted from the moment when the page was asked for.
READY = """new MutationObserver((_, self) => {
    if (document.querySelector('.ari-explorer[data-ready-ms]')) {
        window.readyAt = performance.now();
        self.disconnect();
    }
}).observe(document, { subtree: true, childList: true, attributes: true });"""
# What a browser needs for any page: a process, the document, the first script.
EMPTY = """<!doctype html><html><body><script>
document.body.innerHTML = '<div class="ari-explorer" data-ready-ms="0"></div>';
</script></body></html>"""
# Frames per second while the graph is dragged about, by the middle of all gaps.
PAN = """async () => {
    const view = document.querySelector('.ari-view'), box = view.getBoundingClientRect();
    let x = box.x + box.width / 2, y = box.y + box.height / 2;
    const send = (type) => view.dispatchEvent(new PointerEvent(
        type, { clientX: x, clientY: y, pointerId: 1, bubbles: true }));
    view.setPointerCapture = () => {};
    send('pointerdown');
    const times = [];
    while (times.length <= 60) {
        times.push(await new Promise(requestAnimationFrame));
        x += 12 * Math.sin(times.length / 10);
        y += 12 * Math.cos(times.length / 10);
        send('pointermove');
    }
    send('pointerup');
    const gaps = times.slice(1).map((time, k) => time - times[k]).sort((a, b) => a - b);
    return 1000 / gaps[30];
}"""


def missing(*modules: str) -> bool:
    """Whether one of the modules is not installed."""
    return any(importlib.util.find_spec(name) is None for name in modules)


def imports(code: str, *modules: str) -> dict[str, Any]:
    """What a fresh interpreter needs for what comes before ours, and for ours; the best of some."""
    if missing(*modules):
        return {"unable": True}
    tries = []
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, **KEEP_BYTE_CODE, "IPYTHONDIR": folder}
        for _ in range(1 + TRIES):  # the first writes the byte code
            command = [sys.executable, "-c", code]
            done = subprocess.run(
                command, stdout=subprocess.PIPE, text=True, check=True, env=environment
            )
            tries.append([float(text) for text in done.stdout.splitlines()[-1].split()])
    before, ours = (min(column) for column in zip(*tries[1:], strict=True))
    return {"before": before, "ours": ours}


def overhead(
    plain: Callable[[], object],
    other: Callable[[], object],
    seconds: float,
    around: Callable[[], Any],
) -> dict[str, float]:
    """The time of steps `other` within `around()` over that of steps `plain` outside."""
    clock = time.perf_counter
    start = clock()
    plain()
    count = max(20, int(seconds / PAIRS / (clock() - start)))

    def timed(step: Callable[[], object]) -> float:
        for _ in range(20):
            step()
        start = clock()
        for _ in range(count):
            step()
        return (clock() - start) / count

    # By turns, and compared turn by turn: machines change their speed.
    times: list[tuple[float, float]] = []
    for _ in range(5 * PAIRS):
        without = timed(plain)
        with around():
            times.append((without, timed(other)))
    before = statistics.median(without for without, _ in times)
    return {"plain": before, "ratio": statistics.median(b / a for a, b in times)}


def looking_on() -> Any:
    """The monitor as `%%watch --every 10` has it, but for the panel."""
    return viz.watch(every=10, show=False)


def residual_net(layers: int) -> list[Any]:
    """The loss of a residual net and its gradients."""
    x = ari.T.fmatrix("x")
    h, weights = x, []
    for n in range(layers):
        W, b = ari.T.fmatrix(f"W{n}"), ari.T.fvector(f"b{n}")
        h = ari.T.tanh(h @ W + b) + h
        weights += [W, b]
    loss = (h**2).mean()
    return [loss, *ari.grad(loss, weights)]


def net_of(nodes: int) -> list[Any]:
    """A net whose graph has about so many nodes."""
    one, two = (len(viz.view(residual_net(layers)).nodes) for layers in (1, 2))
    return residual_net(max(1, round((nodes - one) / (two - one)) + 1))


def explorers() -> dict[str, Any]:
    """What pages with explorers take until their graphs are drawn, beyond an empty page.

    Each is asked for in a fresh page of a headless Chromium, by turns.
    """
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None or missing("playwright"):
        return {"unable": True}
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder, _browser(program) as browser:
        paths = {"empty": Path(folder) / "empty.html"}
        paths["empty"].write_text(EMPTY, encoding="utf-8")
        for size in (*GRAPHS, LARGE):
            paths[str(size)] = viz.explore(net_of(size)).save(Path(folder) / f"{size}.html")
        times: dict[str, list[float]] = {name: [] for name in paths}
        for turn in range(PAGES):
            for name, path in paths.items():
                page = browser.new_page(viewport={"width": 1400, "height": 1000})
                page.add_init_script(READY)
                page.goto(path.as_uri())
                page.wait_for_function("window.readyAt")
                times[name].append(page.evaluate("window.readyAt") / 1e3)
                if name == str(LARGE) and turn == PAGES - 1:
                    found["frames"] = page.evaluate(PAN)
                page.close()
                time.sleep(SETTLE)
    empty = statistics.median(times.pop("empty"))
    found |= {name: statistics.median(taken) - empty for name, taken in times.items()}
    return {**found, "empty": empty}


def stops() -> dict[str, Any]:
    """From a press of the monitor's stop button to the end of its cell, in a kernel."""
    if (
        importlib.util.find_spec("ipykernel") is None
        or importlib.util.find_spec("anywidget") is None
    ):
        return {"unable": True}
    from jupyter_client.manager import start_new_kernel

    from stopping import seconds_to_stop

    manager, client = start_new_kernel(kernel_name="python3")
    try:
        client.execute_interactive(COUNTER, timeout=60, output_hook=lambda message: None)
        times = [seconds_to_stop(client, "%%watch\nwhile True:\n    train()", 3) for _ in range(5)]
        return {"median": statistics.median(times), "worst": max(times)}
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


@contextmanager
def _browser(program: str) -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    flags += ["--disable-component-update", "--disable-sync"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=flags)
        try:
            yield browser
        finally:
            browser.close()
