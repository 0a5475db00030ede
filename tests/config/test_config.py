"""The flags: sources, checks, and that each does what its doc says."""

import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from arignote import config, errors, function
from arignote import tensor as T
from arignote.config import FLAGS, Config, EnumFlag


def test_defaults_are_among_the_choices_and_documented(tmp_path):
    config = Config(tmp_path / "none", "")
    for name, flag in FLAGS.items():
        assert flag.parse(flag.default) == flag.default
        assert flag.doc
        assert getattr(config, name) == flag.shown(flag.default)
        if isinstance(flag, EnumFlag):
            assert config.member(name) is flag.default
            assert getattr(config, name) == flag.default.value
            assert flag.default.value in flag.choices


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
    FLAGS["floatX"] = replace(flag, read_only_once_used=True)
    try:
        settings.floatX = "float32"
        settings.use("floatX")
        settings.floatX = "float32"
        with pytest.raises(errors.ConfigError, match="read-only"):
            settings.floatX = "float64"
    finally:
        FLAGS["floatX"] = flag


def test_texts(tmp_path):
    settings = Config(tmp_path / "none", "cc= gcc -m64 ,cache_size=7")
    assert (settings.cc, settings.cache_size) == ("gcc -m64", 7)
    assert "cc = gcc -m64  (default (empty), set by ARIGNOTE_FLAGS; a text" in repr(settings)
    for wrong in ("gcc\nclang", 3, None):
        with pytest.raises(errors.ConfigError, match="one line"):
            settings.cc = wrong
    assert settings.cc == "gcc -m64"


def test_paths_are_absolute_from_the_start(tmp_path, monkeypatch):
    rc = tmp_path / "rc"
    rc.write_text("[global]\ncache_dir = ~/kernels, and more\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    settings = Config(rc, "")
    assert settings.cache_dir == str(tmp_path / "kernels, and more")
    monkeypatch.chdir(tmp_path)
    settings.cache_dir = Path("here")
    monkeypatch.chdir("/")
    assert settings.cache_dir == str(tmp_path / "here")
    settings.cache_dir = ""
    assert settings.cache_dir == ""
    for wrong in (3, None, "a\0b"):
        with pytest.raises(errors.ConfigError, match="valid values: a path"):
            settings.cache_dir = wrong


def test_numbers(tmp_path):
    settings = Config(tmp_path / "none", "cache_size= 20")
    settings.cc_timeout = 5
    assert (settings.threads, FLAGS["threads"].parse("3")) == (0, 3)
    assert (settings.cache_size, settings.cc_timeout) == (20, 5)
    assert "cache_size = 20  (default 512, set by ARIGNOTE_FLAGS; a whole number" in repr(settings)
    for wrong in (0, -1, 1.5, "1.5", "many", "", True, None):
        with pytest.raises(errors.ConfigError, match="a whole number from 1 on"):
            settings.cache_size = wrong
    assert settings.cache_size == 20


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
    with pytest.raises(errors.ConfigError, match="auto, c, numpy"):
        config.linker = "fast"
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


def test_a_thread_keeps_the_flags_of_a_snapshot():
    seen = []

    def read() -> None:
        with config.as_of(snapshot):
            seen.extend((config.floatX, config.member("linker").value))

    with config.change(floatX="float32", linker="numpy"):
        snapshot = config.snapshot()
    thread = threading.Thread(target=read)
    thread.start()
    thread.join()
    assert seen == ["float32", "numpy"]
    assert (config.floatX, config.linker) == ("float64", "auto")
