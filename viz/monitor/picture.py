"""How a watch ended, as a picture and as text: what is left of it in a saved notebook."""

import math
import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from arignote.compile.watched import OF_VALUES
from arignote.viz.drawing.glyphs import shorten, text_width
from arignote.viz.drawing.svg import _escape as escape
from arignote.viz.files import static_text
from arignote.viz.monitor.histogram import Histogram
from arignote.viz.monitor.history import FirstNaN, Points, thinned
from arignote.viz.output.page import picture_forms

if TYPE_CHECKING:
    from arignote.viz.monitor.session import Watch

WIDTH, PAD, ROW, CHART = 920.0, 14.0, 27.0, 150.0
# Left edges of the columns.
NAME, VALUE, SPARK, RANGE, GRADIENT, RATIO, COUNTS = 14.0, 176.0, 300.0, 472.0, 604.0, 684.0, 838.0
SPARK_WIDTH, RATIO_WIDTH = 160.0, 84.0
# Where there are histograms they take a part of the room of the lines before them.
SPARK_NARROW, BARS, BARS_WIDTH = 80.0, 390.0, 70.0
MOST_ROWS, MOST_POINTS = 40, 300
# Updates of about a thousandth of the weights are what most training does well with.
HEALTHY = (1e-4, 1e-2)


def number(value: float) -> str:
    """A number in four digits.

    Example
    -------
    >>> number(0.000123456), number(1200.0), number(float("nan"))
    ('0.0001235', '1200', 'NaN')
    """
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Inf" if value > 0 else "-Inf"
    return f"{value:.4g}"


def duration(seconds: float) -> str:
    """Seconds for people.

    Example
    -------
    >>> duration(0.25), duration(75), duration(7300)
    ('0.25 s', '1 min 15 s', '2 h 1 min')
    """
    if seconds < 60:
        return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def status(watch: "Watch") -> str:
    """A line that says how far a watch is.

    Parameters
    ----------
    watch : Watch
    """
    steps = f"{watch.steps} step{'' if watch.steps == 1 else 's'}"
    rate = f", {number(watch.steps_per_second)} steps/s" if watch.steps else ""
    return f"{watch.state}: {steps} in {duration(watch.elapsed)}{rate}"


def text(watch: "Watch", first: FirstNaN | None) -> str:
    """The status, the first NaN if it is given, and a line for each variable."""
    lines = [f"watch {status(watch)}"]
    if first is not None:
        lines += [f"  {line}" for line in str(first).splitlines()]
    heads = ("variable", "mean", "std", "min", "max", "gradient", "ratio", "NaN", "Inf")
    rows = [heads, *[_cells(watch, name) for name in watch.names]]
    if len(rows) > 1:
        widths = [max(len(row[n]) for row in rows) for n in range(len(heads))]
        for row in rows:
            cells = [row[0].ljust(widths[0])]
            cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
            lines.append("  ".join(["", *cells]).rstrip())
    return "\n".join(lines)


def _cells(watch: "Watch", name: str) -> tuple[str, ...]:
    series = watch.history[name]
    channels = ("mean", "std", "min", "max", "gradient", "ratio")
    shown = [_last(series, channel) for channel in channels]
    return (shorten(name, 24), *shown, *[_count(series, channel) for channel in ("nan", "inf")])


def _last(series: Any, channel: str) -> str:
    """The newest value; empty where there never was one."""
    value = series.last(channel)
    if math.isnan(value):
        return "NaN" if channel in OF_VALUES and series.last("nan") > 0 else ""
    return f"{value:.3g}"


def _count(series: Any, channel: str) -> str:
    value = series.last(channel)
    return f"{value:.0f}" if value > 0 else ""


def bundle(watch: "Watch", first: FirstNaN | None) -> dict[str, str]:
    """What a notebook keeps of it, with the first NaN if it is given."""
    return picture_forms(text(watch, first), picture(watch, first), _about(watch))


def _about(watch: "Watch") -> str:
    """What the picture shows that the text does not say, for readers who cannot see it."""
    said = [_bars_said(name, found) for name, found in watch.histograms.items()]
    return "; ".join([f"watch {status(watch)}", *filter(None, said)])


# ---- the picture --------------------------------------------------------------------------------


def picture(watch: "Watch", first: FirstNaN | None) -> str:
    """The last state of the panel as an SVG document, for light and dark pages.

    Parameters
    ----------
    watch : Watch
    first : FirstNaN or None
        What is said about NaN.
    """
    parts, y = _header(watch), 46.0
    if first is not None:
        lines = str(first).splitlines()
        parts += _problem(lines, y)
        y += 18 * len(lines) + 12
    for name in watch.losses[:2]:
        if name in watch.history and "mean" in watch.history[name]:
            parts += _chart(name, watch.history[name]["mean"], y)
            y += CHART + 12
    names = [name for name in watch.names if name not in watch.losses[:2]]
    if names:
        parts += _heads(y + 12, bool(watch.histograms))
        y += 20
    for name in names[:MOST_ROWS]:
        parts += _row(watch, name, y)
        if name in watch.histograms:
            parts += _bars(name, watch.histograms[name], y + 4)
        y += ROW
    if len(names) > MOST_ROWS:
        parts.append(_text(NAME, y + 16, f"and {len(names) - MOST_ROWS} more", "small"))
        y += ROW
    return _document(parts, y + 10)


def _document(parts: Sequence[str], height: float) -> str:
    body = "\n".join(parts)
    name = f"ari-{zlib.crc32(body.encode()):08x}-{len(body):x}"
    css = static_text("monitor_picture.css").partition("*/")[2].replace("\n", "")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" id="{name}" width="{WIDTH:g}" '
        f'height="{height:g}" viewBox="0 0 {WIDTH:g} {height:g}" role="img">\n'
        f"<style>{css.replace('ID', name)}</style>\n"
        f'<rect class="page" x=".5" y=".5" width="{WIDTH - 1:g}" height="{height - 1:g}" rx="8"/>\n'
        f"{body}\n</svg>\n"
    )


def _text(x: float, y: float, words: str, look: str = "", anchor: str = "") -> str:
    at = f' text-anchor="{anchor}"' if anchor else ""
    css = f' class="{look}"' if look else ""
    return f'<text{css} x="{x:g}" y="{y:g}"{at}>{escape(words)}</text>'


def _header(watch: "Watch") -> list[str]:
    look = "ok" if watch.stopped is None else "halt"
    look = "nan" if watch.first_nan is not None else look
    facts = [(f"{watch.steps:,}", "steps"), (number(watch.steps_per_second), "steps/s"),
             (duration(watch.elapsed), "")]  # fmt: skip
    parts = [f'<circle class="{look}" cx="{PAD + 6:g}" cy="22" r="5"/>']
    parts.append(_text(PAD + 18, 26.5, watch.state, "b"))
    x = PAD + 18 + max(text_width(watch.state, 13, bold=True), 80) + 28
    for value, unit in facts:
        parts.append(_text(x, 26.5, value))
        x += text_width(value, 12) + 4
        parts.append(_text(x, 26.5, unit, "small"))
        x += text_width(unit, 10) + 22
    return parts


def _problem(lines: Sequence[str], top: float) -> list[str]:
    """A box with a text."""
    size = f'width="{WIDTH - 2 * PAD:g}" height="{18 * len(lines) + 6:g}"'
    parts = [f'<rect class="bad" x="{PAD:g}" y="{top - 4:g}" {size} rx="4"/>']
    for n, line in enumerate(lines):
        indent = text_width("n", 12) * (len(line) - len(line.lstrip()))
        look = "problem" if n else "alarm"
        x, y = PAD + 8 + indent, top + 12 + 18 * n
        parts.append(_text(round(x, 1), y, shorten(line.strip(), 130), look))
    return parts


def _chart(name: str, points: Points, top: float) -> list[str]:
    """The curve of a loss, with a scale."""
    left, right, bottom = PAD + 52, WIDTH - PAD - 8, top + CHART - 20
    steps, values = _finite(thinned(points, 2 * MOST_POINTS))
    parts = [_text(left, top + 11, name, "b")]
    if not len(values):
        return [*parts, _text(left, top + 40, "nothing to show", "small")]
    newest = number(float(values[-1]))
    parts.append(_text(left + text_width(name, 13, bold=True) + 10, top + 11, newest))
    is_log = values.min() > 0 and values.max() / values.min() > 100
    if is_log:
        parts.append(_text(right, top + 11, "log scale", "small", "end"))
    heights = np.log10(values) if is_log else values
    low, high = _padded(heights)
    first, last = float(steps[0]), float(max(steps[-1], steps[0] + 1))
    y0 = top + 22
    for tick in _ticks(low, high, 4):
        y = bottom - (tick - low) / (high - low) * (bottom - y0)
        parts.append(f'<path class="grid" d="M{left:g} {y:.1f}H{right:g}"/>')
        label = number(10**tick) if is_log else number(tick)
        parts.append(_text(left - 7, round(y + 3.5, 1), label, "small", "end"))
    for tick in _ticks(first, last, 6):
        x = left + (tick - first) / (last - first) * (right - left)
        parts.append(_text(round(x, 1), bottom + 14, f"{tick:,.0f}", "small", "middle"))
    xs = left + (steps - first) / (last - first) * (right - left)
    ys = bottom - (heights - low) / (high - low) * (bottom - y0)
    parts.append(f'<path class="loss" d="{_path(xs, ys)}"/>')
    parts.append(f'<circle class="dot" cx="{xs[-1]:.1f}" cy="{ys[-1]:.1f}" r="2.6"/>')
    return parts


def _heads(y: float, has_bars: bool) -> list[str]:
    heads = [(NAME, "variable"), (VALUE, "mean ± std"), (SPARK, "mean, min to max"),
             (RANGE, "min … max"), (GRADIENT, "gradient"), (RATIO, "update / value")]  # fmt: skip
    if has_bars:
        heads.append((BARS, "values now"))
    parts = [_text(x, y, words, "small") for x, words in heads]
    parts += [_text(COUNTS + 22, y, "NaN", "small", "end"), _text(COUNTS + 66, y, "Inf", "small",
                                                                 "end")]  # fmt: skip
    return [*parts, f'<path class="grid" d="M{PAD:g} {y + 6:g}H{WIDTH - PAD:g}"/>']


def _row(watch: "Watch", name: str, top: float) -> list[str]:
    series, y = watch.history[name], top + 17
    parts = [f"<g><title>{escape(name)}</title>", _text(NAME, y, shorten(name, 22), "n"), "</g>"]
    mean, std, low, high = (_last(series, key) for key in ("mean", "std", "min", "max"))
    spread = "" if std in ("", "0", "NaN") else f" ± {std}"
    parts.append(_text(VALUE, y, f"{mean}{spread}"))
    if low != high:
        parts.append(_text(RANGE, y, f"{low} … {high}"))
    parts += _spark(series, top + 4, SPARK_NARROW if watch.histograms else SPARK_WIDTH)
    parts.append(_text(GRADIENT, y, _last(series, "gradient")))
    if "ratio" in series and series.last("ratio") > 0:
        parts += _ratio_spark(series["ratio"], top + 4)
        parts.append(_text(RATIO + RATIO_WIDTH + 6, y, f"{series.last('ratio'):.1e}"))
    for x, channel in ((COUNTS + 22, "nan"), (COUNTS + 66, "inf")):
        count = _count(series, channel)
        shown = channel in series and not math.isnan(series.last(channel))
        parts.append(_text(x, y, count or ("0" if shown else ""), "alarm" if count else "dim",
                           "end"))  # fmt: skip
    return parts


def _bars_said(name: str, found: Histogram) -> str:
    """What bars show, in words; empty where there are no values."""
    if not found.counts.any():
        return ""
    low, high = found.scale
    return f"values of {name} from {number(low)} to {number(high)}, most near {number(found.peak)}"


def _bars(name: str, found: Histogram, top: float) -> list[str]:
    """How often the newest values lie where, as bars from the least to the greatest."""
    said = _bars_said(name, found)
    if not said:
        return []
    width = BARS_WIDTH / len(found.counts)
    bottom, room = top + ROW - 8, (ROW - 8) / found.counts.max()
    path = "".join(
        f"M{BARS + n * width:.2f} {bottom:g}v{-count * room:.1f}h{width - 0.5:.2f}V{bottom:g}z"
        for n, count in enumerate(found.counts)
        if count
    )
    return [
        f'<g role="img"><title>{escape(said)}</title><path class="bar" d="{path}"/></g>',
        f'<path class="grid" d="M{BARS:g} {bottom + 0.5:g}h{BARS_WIDTH:g}"/>',
    ]


def _spark(series: Any, top: float, width: float) -> list[str]:
    """The mean as a line, with a band from the least to the greatest value."""
    if "mean" not in series:
        return []
    points = thinned(series["mean"], MOST_POINTS // 3)
    steps, means = _finite(points)
    if len(means) < 2:
        return []
    bands = [_finite(thinned(series[key], MOST_POINTS // 3)) for key in ("min", "max")
             if key in series]  # fmt: skip
    low, high = _padded(np.concatenate([means, *[values for _, values in bands]]))
    first, last = float(points.steps[0]), float(points.steps[-1])
    height = ROW - 8

    def place(xs: np.ndarray, ys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return (SPARK + (xs - first) / (last - first) * width,
                top + height - (ys - low) / (high - low) * height)  # fmt: skip

    parts = []
    if len(bands) == 2 and len(bands[0][1]) and len(bands[1][1]):
        x0, y0 = place(*bands[0])
        x1, y1 = place(*bands[1])
        edge = _path(np.concatenate([x1, x0[::-1]]), np.concatenate([y1, y0[::-1]]))
        parts.append(f'<path class="band" d="{edge}z"/>')
    return [*parts, f'<path class="mean" d="{_path(*place(steps, means))}"/>']


def _ratio_spark(points: Points, top: float) -> list[str]:
    """The ratio on a scale from 1e-6 to 1, with the healthy band shaded."""
    height = ROW - 8

    def level(values: Any) -> Any:
        return top + height - (np.clip(np.log10(values), -6, 0) + 6) / 6 * height

    high, low = (float(level(edge)) for edge in reversed(HEALTHY))
    size = f'width="{RATIO_WIDTH:g}" height="{low - high:.1f}"'
    parts = [f'<rect class="healthy" x="{RATIO:g}" y="{high:.1f}" {size}/>']
    steps, values = _finite(thinned(points, MOST_POINTS // 4))
    steps, values = steps[values > 0], values[values > 0]
    if len(values) > 1:
        xs = RATIO + (steps - steps[0]) / (steps[-1] - steps[0]) * RATIO_WIDTH
        parts.append(f'<path class="mean" d="{_path(xs, level(values))}"/>')
    return parts


def _finite(points: Points) -> tuple[np.ndarray, np.ndarray]:
    is_finite = np.isfinite(points.values)
    return points.steps[is_finite].astype("float64"), points.values[is_finite]


def _padded(values: np.ndarray) -> tuple[float, float]:
    """A range around the values that is not empty."""
    low, high = float(values.min()), float(values.max())
    room = (high - low) * 0.06 or abs(high) * 0.1 or 1.0
    return low - room, high + room


def _ticks(low: float, high: float, most: int) -> list[float]:
    """Round numbers between two others, at most so many."""
    raw = (high - low) / most
    base = 10.0 ** math.floor(math.log10(raw))
    step = next(base * k for k in (1, 2, 5, 10) if base * k >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [step * k for k in range(first, math.floor(high / step + 1e-9) + 1)]


def _path(xs: np.ndarray, ys: np.ndarray) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in zip(xs, ys, strict=True))
