"""LaTeX of expressions.

Oracles: texts that were written down and looked at; matplotlib's parser of mathematics, which
refuses what is not well formed; braces counted here.
"""

from __future__ import annotations

import re

import numpy as np
import pytest

import arignote as ari
import arignote.tensor as T
from arignote.viz.output.latex import name_latex, to_latex

x, y = T.dmatrices("x", "y")
a, b, v = T.dscalar("a"), T.dscalar("beta_1"), T.dvector("v")
W = ari.shared(np.zeros((3, 4)), "W1")
K = T.tensor("float64", (None, 10), "K")

EXPRESSIONS = {
    r"a + \beta_{1}": a + b,
    r"a - \left(\beta_{1} - a\right)": a - (b - a),
    r"a - \left(-\beta_{1}\right)": a - (-b),
    r"a - \beta_{1}": a + (-b),
    r"a \, \left(a + \beta_{1}\right)": a * (a + b),
    r"-a \, \beta_{1}": -a * b,
    r"a \, \left(-2\right)": a * -2,
    r"a \cdot 2": a * 2,
    r"2 \, a": 2 * a,
    r"\frac{a}{\beta_{1} + 1}": a / (b + 1),
    r"\left(a + \beta_{1}\right)^{2}": (a + b) ** 2,
    r"\left(a^{2}\right)^{\beta_{1}}": (a**2) ** b,
    r"2^{a}": 2**a,
    r"e^{\frac{-a^{2}}{2}}": T.exp(-(a**2) / 2),
    r"\exp\left(\left(a + \beta_{1} + 1\right) \, \left(a + \beta_{1} + 2\right)\right)": T.exp(
        (a + b + 1) * (a + b + 2)
    ),
    r"\log\left(1 + e^{a}\right)": T.log(1 + T.exp(a)),
    r"\log\left(1 + a\right)": T.log1p(a),
    r"e^{a} - 1": T.expm1(a),
    r"\sqrt{a^{2} + \beta_{1}^{2}}": T.sqrt(a**2 + b**2),
    r"\left|a\right|": abs(a),
    r"\sigma\left(a\right)": T.nnet.sigmoid(a),
    r"\operatorname{erf}\left(a\right)": T.erf(a),
    r"\max\left(a, \beta_{1}\right)": T.maximum(a, b),
    r"10^{-5} \, a": 1e-5 * a,
    r"1.5 \cdot 10^{-7} \, a": 1.5e-7 * a,
    r"3.14159 \, a": np.pi * a,
    r"-0.333333 \, a": -1 / 3 * a,
    r"a + \infty": a + np.inf,
    r"\left\lfloor a\right\rfloor ": T.floor(a),
    r"a \;\mathrm{mod}\; \beta_{1}": a % b,
    r"a = \beta_{1}": T.eq(a, b),
    r"a > 0 \wedge \beta_{1} \leq 1": T.and_(a > 0, b <= 1),
    r"a": T.cast(a, "float32"),
    r"x \, y": x @ y,
    r"x^{\top} \, \left(x + y\right)": x.T @ (x + y),
    r"x \odot y": x * y,
    r"\left(x \odot y\right) \, x": (x * y) @ x,
    r"x \, W_{1} + v": x @ W + v,
    r"\sum_{i,j} x_{ij}": x.sum(),
    r"\sum_{j} x_{ij}": x.sum(axis=1),
    r"\sum_{j=1}^{10} K_{ij}": K.sum(axis=1),
    r"\sum_{i,j} \left(x \odot y\right)_{ij}": (x * y).sum(),
    r"\prod_{i} x_{ij}": T.prod(x, axis=0),
    r"\operatorname{mean}_{i} x_{ij}": x.mean(axis=0),
    r"\operatorname{argmax}_{j} x_{ij}": T.argmax(x, axis=1),
    r"\sum_{i} \left(W_{1}\right)_{ij}": W.sum(axis=0),
    r"x_{0}": x[0],
    r"x_{:, 1:3}": x[:, 1:3],
    r"v_{:, \ast} \odot x": v[:, None] * x,
    r"\operatorname{softmax}\left(x\right)": T.nnet.softmax(x),
    r"\left[x, y\right]": T.concatenate([x, y]),
    r"\square + 1": T.dscalar() + 1,
}
# What matplotlib has no sign for.
UNKNOWN = r"\square"
CASES = r"\begin{cases} a & \text{if } a > 0 \\ 0.01 \, a & \text{otherwise} \end{cases}"


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_expressions(text):
    assert to_latex(EXPRESSIONS[text]) == text


def test_cases():
    assert to_latex(T.switch(a > 0, a, 0.01 * a)) == CASES


def test_names_stand_on_the_left():
    h = T.tanh(x)
    h.name = "hidden_2"
    assert to_latex(h) == r"\mathrm{hidden}_{2} = \tanh\left(x\right)"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x", "x"),
        ("x2", "x_{2}"),
        ("W_hh", r"W_{\mathrm{hh}}"),
        ("alpha", r"\alpha"),
        ("Omega_0", r"\Omega_{0}"),
        ("sigma2", r"\sigma_{2}"),
        ("loss", r"\mathrm{loss}"),
        ("x_1_2", "x_{1,2}"),
        ("100%", r"\mathrm{100\%}"),
        ("a$b{c}", r"\mathrm{a\$b\{c\}}"),
        ("_", r"\mathrm{\_}"),
    ],
)
def test_names(name, text):
    assert name_latex(name) == text


@pytest.mark.parametrize("text", [*EXPRESSIONS])
def test_matplotlib_reads_it(text):
    mathtext = pytest.importorskip("matplotlib.mathtext")
    mathtext.MathTextParser("path").parse(f"${text.replace(UNKNOWN, 'x')}$")


def test_gradients_balance():
    cost = (T.tanh(x @ W + v) ** 2).sum() + T.log(T.nnet.softmax(y)).mean()
    for gradient in ari.grad(cost, [W, v, y]):
        text = to_latex(gradient)
        assert text is not None
        plain = re.sub(r"\\[{}]", "", text)
        assert plain.count("{") == plain.count("}")
        assert len(re.findall(r"\\left", plain)) == len(re.findall(r"\\right", plain))


@pytest.mark.parametrize("length", [61, 5000])
def test_large_expressions_have_none(length):
    z = a
    for _ in range(length):
        z = T.tanh(z)
    assert to_latex(z) is None


def test_expressions_that_double_do_not_explode():
    z = a
    for _ in range(59):
        z = z * z
    assert to_latex(z) is None
