"""`%ari`. Oracle: the configuration itself."""

from __future__ import annotations

import pytest

from arignote import config


@pytest.fixture
def flags(shell):
    before = config.snapshot()
    yield shell
    for name, setting in before.items():
        config._settings[name] = setting


def test_without_arguments_it_shows_all_flags(flags):
    (shown,) = flags.good("%ari").displays
    assert set(shown.data) == {"text/plain", "text/html"}
    assert shown.data["text/plain"] == repr(config)
    html = shown.data["text/html"]
    for words in ("floatX", "<td>o3</td>", "default", "executor: auto takes the fastest"):
        assert words in html


def test_flags_are_set(flags):
    assert flags.good("%ari floatX=float32 mode=FAST_COMPILE").displays == []
    assert (config.floatX, config.mode) == ("float32", "FAST_COMPILE")
    flags.good('%ari --flags "floatX=float16, threads=2"')
    assert (config.floatX, config.threads) == ("float16", 2)
    flags.good("%ari cc='gcc -m64, -g'")
    assert config.cc == "gcc -m64, -g"
    (shown,) = flags.good("%ari").displays
    assert shown.data["text/html"].count("ari-marked") >= 4


def test_reset_takes_back_what_code_set(flags):
    with config.change(threads=1):
        flags.good("%ari floatX=float16")
        flags.good("%ari --reset threads=3")
        assert (config.floatX, config.threads) == ("float64", 3)
    assert flags.good("%ari --reset").displays == []


def test_reset_of_one_flag(flags):
    flags.good("%ari floatX=float32 threads=2")
    config.reset("threads")
    assert (config.floatX, config.threads) == ("float32", 0)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("%ari floatX", "'floatX' is not of the form flag=value"),
        ("%ari floatX=float3", "'float3' is no value of the flag floatX. Try floatX=float32;"),
        ("%ari flotX=float32", "There is no flag 'flotX'. Try floatX; valid flags: floatX"),
        ("%ari --flags floatX", "'floatX' is not of the form flag=value"),
        ("%ari --what", "unrecognized arguments: --what"),
    ],
)
def test_bad_arguments_give_one_line(flags, line, words):
    assert words in flags.usage_error(line)
    assert config.floatX == "float64"
