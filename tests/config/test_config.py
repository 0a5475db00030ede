"""The flags: sources, checks, and that each does what its doc says."""

import os
import subprocess
import sys

import numpy as np
import pytest

from arignote import config, errors, function
from arignote import tensor as T
from arignote.config import FLAGS, Config, Flag


def test_defaults_are_among_the_choices_and_documented():
    for name, flag in FLAGS.items():
        assert flag.default.value in flag.choices
        assert flag.doc
        assert getattr(config, name) == flag.default.value


def test_the_last_source_wins(tmp_path):
    rc = tmp_path / "rc"
    rc.write_text("[global]\nfloatX = float32\nmode = FAST_COMPILE\n")
    both = Config(rc, "floatX=float16")
    assert (both.floatX, both.mode) == ("float16", "FAST_COMPILE")
    both.floatX = "float64"
    assert both.floatX == "float64"
    shown = repr(both)
    assert f"mode = FAST_COMPILE  (default FAST_RUN, set by {rc}" in shown
    for flag in FLAGS.values():
        assert flag.doc in shown


def test_unknown_names_and_values_name_the_valid_ones(tmp_path):
    with pytest.raises(errors.ConfigError, match=r"floatX"):
        config.floatx = "float32"
    with pytest.raises(AttributeError, match="floatX"):
        _ = config.floatXX
    with pytest.raises(errors.ConfigError, match="float16, float32, float64"):
        config.floatX = "float8"
    with pytest.raises(errors.ConfigError, match="name=value"):
        Config(tmp_path / "none", "floatX")
    bad = tmp_path / "rc"
    bad.write_text("floatX = float32\n")
    with pytest.raises(errors.ConfigError, match="INI"):
        Config(bad, "")


def test_the_environment_reaches_a_new_process():
    code = "import arignote; print(arignote.config.floatX, arignote.tensor.matrix().dtype)"
    env = {**os.environ, "ARIGNOTE_FLAGS": "floatX=float32,optimizer=o0"}
    run = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
    )
    assert run.stdout.split() == ["float32", "float32"]
    env["ARIGNOTE_FLAGS"] = "devise=cpu"
    run = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False
    )
    assert "valid flags: floatX, device" in run.stderr


def test_change_restores_also_after_an_error():

    def failing() -> None:
        with config.change(floatX="float32", optimizer="o0"):
            assert (config.floatX, config.optimizer) == ("float32", "o0")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        failing()
    assert (config.floatX, config.optimizer) == ("float64", "o3")


def test_a_flag_in_use_is_read_only(tmp_path):
    settings = Config(tmp_path / "none", "")
    flag = FLAGS["floatX"]
    FLAGS["floatX"] = Flag(flag.name, flag.type, flag.default, flag.doc, True, True)
    try:
        settings.floatX = "float32"
        settings.use("floatX")
        settings.floatX = "float32"
        with pytest.raises(errors.ConfigError, match="read-only"):
            settings.floatX = "float64"
    finally:
        FLAGS["floatX"] = flag


def test_floatx():
    with config.change(floatX="float32"):
        assert T.matrix().dtype == T.zeros(3).dtype == T.constant(1.5).dtype == "float32"
        assert (T.ivector() * T.fvector()).dtype == "float32"
        assert (T.ivector() / 2).dtype == "float32"
        assert T.zeros(3, dtype="float64").dtype == "float64"
    assert (T.ivector() * T.fvector()).dtype == "float64"
    assert T.matrix().dtype == "float64"


def test_mode_and_optimizer_choose_the_rewrites():
    x = T.dscalar("x")
    y = T.exp(x) + T.exp(x)

    def nodes() -> int:
        return len(function([x], y).fgraph.order)

    assert nodes() == 2
    with config.change(optimizer="o0"):
        assert nodes() == 3
    with config.change(mode="FAST_COMPILE"):
        assert nodes() == 3


def test_linker_and_device_accept_what_exists():
    x = T.dscalar("x")
    with config.change(linker="numpy"):
        assert function([x], x + 1)(1.0) == 2
    with pytest.raises(errors.ConfigError, match="auto, numpy"):
        config.linker = "c"
    with pytest.raises(errors.ConfigError, match="valid values: cpu"):
        config.device = "cuda0"


def test_exception_verbosity():
    x, y = T.dvector("x"), T.dvector("y")
    f = function([x, y], x + y)
    with pytest.raises(ValueError, match="exception_verbosity"):
        f(np.zeros(2), np.zeros(3))
    with config.change(exception_verbosity="high"), pytest.raises(ValueError) as info:
        f(np.zeros(2), np.zeros(3))
    assert "= [0.0, 0.0]" in str(info.value)


def test_compute_test_value():
    with config.change(compute_test_value="raise"):
        x, y = T.dvector("x"), T.dvector("y")
        x.tag.test_value = [1.0, 2.0]
        with pytest.raises(errors.TestValueError, match="y has no test value"):
            _ = x + y
        y.tag.test_value = np.zeros(3)
        with pytest.raises(errors.TestValueError, match=r"add fails.*\n.*x: float64 \(2,\)"):
            _ = x + y
        y.tag.test_value = np.array([10.0, 20.0])
        assert (x + y).sum().tag.test_value == 33
        y.tag.test_value = "text"
        with pytest.raises(errors.TestValueError, match="does not fit"):
            _ = x + y
    with config.change(compute_test_value="warn"):
        z = T.dvector("z")
        with pytest.warns(UserWarning, match="z has no test value"):
            _ = z + 1
    assert "test_value" not in vars((x + y).tag)
