"""The flags. Each is declared once: name, type, default, doc, whether it changes generated code.

Values come from `~/.arignoterc` (INI, section `[global]`), then from the environment variable
`ARIGNOTE_FLAGS="floatX=float32,mode=FAST_COMPILE"`, then from code; the last wins.
"""

import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from arignote import lazy
from arignote.errors import ConfigError, ConfigNameError, message, near_names

if TYPE_CHECKING:
    from arignote.tables import Table


class FloatX(Enum):
    """The dtype of `matrix()`, `vector()`, ... and of Python floats that stand alone."""

    FLOAT16 = "float16"
    FLOAT32 = "float32"
    FLOAT64 = "float64"


class Device(Enum):
    """Where compiled functions run."""

    CPU = "cpu"


class ModeName(Enum):
    """A named choice of rewrites and executor."""

    FAST_RUN = "FAST_RUN"
    FAST_COMPILE = "FAST_COMPILE"


class Linker(Enum):
    """The executor of compiled functions."""

    AUTO = "auto"
    C = "c"
    NUMPY = "numpy"


class AsyncCompile(Enum):
    """Whether calls run before compiling is done."""

    AUTO = "auto"
    OFF = "off"


class OptimizerLevel(Enum):
    """How much a graph is rewritten before it runs."""

    O0 = "o0"
    O1 = "o1"
    O2 = "o2"
    O3 = "o3"
    O4 = "o4"


class Verbosity(Enum):
    """How much an error at run time tells."""

    LOW = "low"
    HIGH = "high"


class OnProblem(Enum):
    """What to do about something doubtful."""

    RAISE = "raise"
    WARN = "warn"
    IGNORE = "ignore"


class NanAction(Enum):
    """What to do about NaN and Inf that are born in a call."""

    OFF = "off"
    RAISE = "raise"
    WARN = "warn"
    RECORD = "record"


class TestValues(Enum):
    """What to do about test values while a graph is built."""

    __test__ = False

    OFF = "off"
    WARN = "warn"
    RAISE = "raise"


@dataclass(frozen=True)
class Flag(ABC):
    """One declared flag; its class says what values it takes."""

    name: str
    default: Any
    doc: str
    changes_code: bool
    read_only_once_used: bool = field(default=False, kw_only=True)

    @property
    @abstractmethod
    def valid(self) -> str:
        """What can be given, in words."""

    @abstractmethod
    def parse(self, value: object) -> Any:
        """The value in the form it is kept in; ConfigError says what can be given."""

    def shown(self, value: Any) -> Any:
        """A parsed value as `config.<flag>` gives it."""
        return value

    def text(self, value: Any) -> str:
        """A parsed value as `print(config)` shows it."""
        return str(self.shown(value)) or "(empty)"

    def _refusal(self, value: object, hint: str = "") -> ConfigError:
        return ConfigError(
            message(
                f"{value!r} is no value of the flag {self.name}.",
                got=[f"{self.name}={value}"],
                hint=f"{hint}valid values: {self.valid.removeprefix('one of ')}",
            )
        )


@dataclass(frozen=True)
class EnumFlag(Flag):
    """A flag with a few named values: the members of `type`, which is that of the default."""

    default: Enum

    @property
    def type(self) -> type[Enum]:
        """The enum of the values."""
        return type(self.default)

    @property
    def choices(self) -> list[str]:
        """The values that can be given."""
        return [choice.value for choice in self.type]

    @property
    def valid(self) -> str:
        """What can be given, in words."""
        return f"one of {', '.join(self.choices)}"

    def parse(self, value: object) -> Enum:
        """The value as a member of the flag's type; ConfigError names the valid ones."""
        if isinstance(value, self.type):
            return value
        for choice in self.type:
            if choice.value == value:
                return choice
        near = near_names(str(value), self.choices)
        raise self._refusal(value, f"{self.name}={near[0]}; " if near else "")

    def shown(self, value: Any) -> Any:
        """The member's own value."""
        return value.value


@dataclass(frozen=True)
class TextFlag(Flag):
    """A flag that takes any text of one line."""

    default: str

    @property
    def valid(self) -> str:
        """What can be given, in words."""
        return "a text of one line"

    def parse(self, value: object) -> str:
        """The text without blanks around it."""
        if not isinstance(value, str) or len(value.splitlines()) > 1:
            raise self._refusal(value)
        return value.strip()


@dataclass(frozen=True)
class PathFlag(Flag):
    """A flag that takes a path; an empty one stands for the default place."""

    default: str

    @property
    def valid(self) -> str:
        """What can be given, in words."""
        return "a path, or nothing for the default place"

    def parse(self, value: object) -> str:
        """The path, absolute and with `~` replaced, so that a later chdir does not move it."""
        if not isinstance(value, str | os.PathLike) or "\0" in str(value):
            raise self._refusal(value)
        text = str(value).strip()
        return os.path.abspath(os.path.expanduser(text)) if text else ""


@dataclass(frozen=True)
class NumberFlag(Flag):
    """A flag that takes a whole number from `lowest` on."""

    default: int
    lowest: int = field(default=0, kw_only=True)

    @property
    def valid(self) -> str:
        """What can be given, in words."""
        return f"a whole number from {self.lowest} on"

    def parse(self, value: object) -> int:
        """The number; text is read as a decimal number."""
        if isinstance(value, str) and value.strip().isdecimal():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or value < self.lowest:
            raise self._refusal(value)
        return value


FLAGS: dict[str, Flag] = {
    flag.name: flag
    for flag in (
        EnumFlag(
            "floatX",
            FloatX.FLOAT64,
            "dtype of scalar(), vector(), matrix(), ...; with float32, integers mixed with float32"
            " stay float32",
            True,
        ),
        EnumFlag(
            "device", Device.CPU, "where compiled functions run", True, read_only_once_used=True
        ),
        EnumFlag(
            "mode",
            ModeName.FAST_RUN,
            "FAST_RUN rewrites by the level of optimizer; FAST_COMPILE runs the graph as written"
            " with NumPy",
            True,
        ),
        EnumFlag(
            "linker",
            Linker.AUTO,
            "executor: auto takes the fastest there is; c needs a C compiler; numpy",
            True,
        ),
        EnumFlag(
            "optimizer",
            OptimizerLevel.O3,
            "o0 runs the graph as written; o1 merges equal nodes and computes constant parts once;"
            " o2 also drops useless nodes and simplifies by algebra; o3 also replaces expressions"
            " that lose digits; o4 also takes it that divisors are not 0 and that logarithms are"
            " of positive numbers",
            True,
        ),
        EnumFlag(
            "exception_verbosity",
            Verbosity.LOW,
            "high adds the values' statistics and the op's inputs to errors at run time",
            False,
        ),
        EnumFlag(
            "compute_test_value",
            TestValues.OFF,
            "warn or raise: compute every node on the tag.test_value of its inputs while it is"
            " built",
            False,
        ),
        EnumFlag(
            "nan",
            NanAction.OFF,
            "raise, warn or record: calls look for NaN and Inf, and say in which op and line they"
            " were born; off: they do not look",
            True,
        ),
        EnumFlag(
            "on_unused_input",
            OnProblem.RAISE,
            "what function() does about an input that nothing needs: raise, warn, ignore",
            False,
        ),
        TextFlag(
            "cc",
            "",
            "command of the C compiler, with arguments if it needs some; empty: the environment"
            " variable CC, else the first of cc, gcc and clang on PATH",
            True,
        ),
        EnumFlag(
            "async_compile",
            AsyncCompile.AUTO,
            "auto: where compiling is estimated to take over a second, calls run with NumPy until"
            " the C code is ready; off: they wait for it",
            False,
        ),
        NumberFlag(
            "threads",
            0,
            "threads that one call uses; 0: as many as there are cores",
            False,
        ),
        NumberFlag("cc_timeout", 300, "seconds after which a compiler is ended", False, lowest=1),
        PathFlag(
            "cache_dir",
            "",
            "folder of compiled kernels; empty: arignote in $XDG_CACHE_HOME or in ~/.cache",
            False,
        ),
        NumberFlag(
            "cache_size",
            512,
            "MiB that the folder of compiled kernels may hold; beyond, those unused for longest go",
            False,
            lowest=1,
        ),
    )
}


@dataclass
class _Setting:
    value: Any
    source: str
    used: bool = False


def _flag(name: str) -> Flag:
    if name not in FLAGS:
        near = near_names(name, FLAGS)
        raise ConfigNameError(
            message(
                f"There is no flag {name!r}.",
                hint=(f"{near[0]}; " if near else "") + f"valid flags: {', '.join(FLAGS)}",
            )
        )
    return FLAGS[name]


class Config:
    """The flags and their values, as attributes.

    Example
    -------
    >>> from arignote import config
    >>> with config.change(floatX="float32"):
    ...     config.floatX
    'float32'
    """

    _settings: dict[str, _Setting]
    _at_start: dict[str, _Setting]
    _own: threading.local

    def __init__(self, rc_file: Path, environment: str) -> None:
        settings = {name: _Setting(flag.default, "default") for name, flag in FLAGS.items()}
        object.__setattr__(self, "_settings", settings)
        object.__setattr__(self, "_own", threading.local())
        for name, value in _read_rc(rc_file):
            self._set(name, value, str(rc_file))
        for name, value in _read_environment(environment):
            self._set(name, value, "ARIGNOTE_FLAGS")
        object.__setattr__(self, "_at_start", dict(settings))

    def _set(self, name: str, value: object, source: str) -> None:
        flag, setting = _flag(name), self._settings.get(name)
        parsed = flag.parse(value)
        if setting and setting.used and flag.read_only_once_used and parsed != setting.value:
            raise ConfigError(
                message(
                    f"The flag {name} is read-only once a function was compiled.",
                    got=[f"{name}={value}, in use: {name}={flag.shown(setting.value)}"],
                    hint=f"set it before: ARIGNOTE_FLAGS={name}={value}",
                )
            )
        used = setting.used if setting else False
        self._settings[name] = _Setting(parsed, source, used)

    def member(self, name: str) -> Enum:
        """The value of an EnumFlag as its member, for code that branches on it."""
        return self._value(name)

    def _value(self, name: str) -> Any:
        settings = getattr(self._own, "settings", self._settings)
        return settings[name].value

    def use(self, name: str) -> Any:
        """The value of a flag, from now on in use (see `Flag.read_only_once_used`)."""
        self._settings[name].used = True
        return self._settings[name].value

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _flag(name).shown(self._value(name))

    def __setattr__(self, name: str, value: object) -> None:
        self._set(name, value, "code")

    def __dir__(self) -> list[str]:
        return [*FLAGS, "change", "reset"]

    def reset(self, *names: str) -> None:
        """Takes back what code has set: flags are what the file and the environment say.

        Parameters
        ----------
        *names : str
            By default all flags.
        """
        for name in names or FLAGS:
            start = self._at_start[_flag(name).name]
            self._set(name, start.value, start.source)

    def snapshot(self) -> Mapping[str, Any]:
        """All flags as they are now, for `as_of`."""
        return dict(self._settings)

    @contextmanager
    def as_of(self, snapshot: Mapping[str, Any]) -> Iterator[None]:
        """This thread reads the flags of a snapshot for the length of a `with` block."""
        self._own.settings = snapshot
        try:
            yield
        finally:
            del self._own.settings

    @contextmanager
    def change(self, **flags: object) -> Iterator["Config"]:
        """Sets flags for the length of a `with` block, then puts the old values back."""
        before = {name: self._settings[_flag(name).name] for name in flags}
        try:
            for name, value in flags.items():
                self._set(name, value, "config.change")
            yield self
        finally:
            self._settings.update(before)

    @property
    def table(self) -> "Table":
        """The flags as a table; those that are not at their default are marked."""
        rows = []
        for name, flag in FLAGS.items():
            now = self._settings[name]
            rows.append((name, flag.text(now.value), flag.text(flag.default), now.source,
                         f"{flag.doc} ({flag.valid})"))  # fmt: skip
        changed = [n for n, row in enumerate(rows) if row[1] != row[2]]
        made: Table = lazy.module("arignote.tables").table(
            ("flag", "value", "default", "set by", "what it does"), rows, marked=changed
        )
        return made

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        bundle: dict[str, Any] = lazy.module("arignote.graph.hooks").mimebundle(
            self, include, exclude
        )
        return bundle

    def __repr__(self) -> str:
        lines = []
        for name, flag in FLAGS.items():
            setting = self._settings[name]
            lines.append(
                f"{name} = {flag.text(setting.value)}  (default {flag.text(flag.default)}, set by"
                f" {setting.source}; {flag.valid})\n    {flag.doc}"
            )
        return "\n".join(lines)


def _read_rc(path: Path) -> list[tuple[str, str]]:
    if not path.is_file():
        return []
    ini = lazy.module("configparser")
    parser = ini.ConfigParser(interpolation=None)
    parser.optionxform = _unchanged
    try:
        parser.read(path, encoding="utf-8")
    except ini.Error as error:
        raise ConfigError(
            message(
                f"{path} is no INI file: {str(error).splitlines()[0]}",
                hint="a line [global], then lines such as floatX = float32",
            )
        ) from None
    return list(parser.items("global")) if parser.has_section("global") else []


def _unchanged(name: str) -> str:
    return name


def _read_environment(text: str) -> list[tuple[str, str]]:
    pairs = []
    for item in filter(None, (part.strip() for part in text.split(","))):
        name, equals, value = item.partition("=")
        if not equals:
            raise ConfigError(
                message(
                    f"{item!r} in ARIGNOTE_FLAGS is not of the form name=value.",
                    hint='ARIGNOTE_FLAGS="floatX=float32,mode=FAST_COMPILE"',
                )
            )
        pairs.append((name.strip(), value.strip()))
    return pairs


def _home_file(name: str, home: Callable[[], Path] = Path.home) -> Path:
    try:
        return home() / name
    except RuntimeError:
        return Path(os.devnull)


config = Config(_home_file(".arignoterc"), os.environ.get("ARIGNOTE_FLAGS", ""))
