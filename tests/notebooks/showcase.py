"""Cells that show everything that a notebook can show, for the tests that look at it."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import nbformat
from nbclient import NotebookClient

# The tag of cells that end in an error to show it; front ends go on after them.
RAISES = "raises-exception"

SETUP = """%load_ext arignote
import numpy as np
import arignote.tensor as T
from arignote import config, function, grad, inspect_values, name_scope, shared, viz
rng = np.random.default_rng(0)
data = rng.normal(size=(200, 40)).astype("float32")
labels = rng.integers(0, 5, 200).astype("int32")"""

MODEL = """%%graph net
x: fmatrix
y: ivector
W1 = shared(0.1 * rng.normal(size=(40, 30)).astype("float32"))
b1 = shared(np.zeros(30, "float32"))
W2 = shared(0.1 * rng.normal(size=(30, 5)).astype("float32"))
with name_scope("hidden"):
    h = T.tanh(x @ W1 + b1)
with name_scope("softmax"):
    p = T.nnet.softmax(h @ W2)
loss = -T.log(p)[T.arange(y.shape[0]), y].mean()"""

TRAIN = """updates = {w: w - np.float32(0.1) * g for w, g in
           zip(net.parameters, net.grad("loss"), strict=True)}
train = net.compile("loss", updates=updates, name="train", profile=True)
for _ in range(5):
    train(data, labels)"""

EXPLORERS = {
    "setup": SETUP,
    "cell": MODEL,
    "train": TRAIN,
    "line": "%graph train",
    "function": "train",
    "heat": "viz.explore(train, heat='time')",
    "live": "live = viz.explore(net.loss).widget()\nlive",
    "small": "a, b = T.dscalars('a', 'b')\nT.exp(-(a**2)) / (1 + b)",
}

VIEWS = {
    "setup": SETUP,
    "model": MODEL.replace("%%graph net", "%%graph net --no-show"),
    "train": TRAIN,
    "profile": "%%profile\nfor _ in range(20):\n    train(data, labels)",
    "memory": "%memory train data, labels",
    "passes": "%passes train",
    "compile": "%compile net --name predict",
    "ccode": "%ccode train h",
    "gradcheck": "%gradcheck net W2 --values 'x=data[:4], y=labels[:4]'",
    "config": "%ari",
    "values": "values = inspect_values(net.loss, {net.x: data, net.y: labels})\nvalues",
    "valued": "viz.explore(values)",
    "shared": "W1",
    "formula": "a, b = T.dscalars('a', 'b')\nT.exp(-(a**2)) / (1 + b)",
    "guarded": "guarded = function([a], T.log(a - 1), nan='raise', name='guarded')\nguarded(0.5)",
    "again": "guarded(0.25)",
    "watch": "%%watch\nfor _ in range(30):\n    train(data, labels)",
    "text": "%debugprint net.loss --types",
    "svg": "%graph net --view svg",
}
FAILING = ("guarded", "again")


def notebook_of(cells: Mapping[str, str], failing: Collection[str] = ()) -> nbformat.NotebookNode:
    """A notebook of code cells; those that are meant to fail are tagged as such."""
    made = [
        nbformat.v4.new_code_cell(source, metadata={"tags": [RAISES]} if name in failing else {})
        for name, source in cells.items()
    ]
    notebook = nbformat.v4.new_notebook(cells=made)
    # Without a name of a kernel JupyterLab asks for one.
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3"}
    return notebook


def executed(cells: Mapping[str, str], failing: Collection[str] = ()) -> nbformat.NotebookNode:
    """The notebook after a kernel ran it; an error elsewhere than in cells meant to fail is one."""
    notebook = notebook_of(cells, failing)
    NotebookClient(notebook, timeout=60, kernel_name="python3", store_widget_state=False).execute()
    return notebook
