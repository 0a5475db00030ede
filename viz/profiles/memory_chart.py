"""Charts of memory: what a call holds at each step, stacked by what it is."""

import zlib
from html import escape
from typing import Any

from arignote.compile.memory import MemoryPlan, Role, bytes_text
from arignote.viz.drawing.glyphs import shorten, shorten_end

WIDTH, PLOT, LEFT, TOP = 760, 170, 62, 46
ROW = 15
MAX_BARS = 300
MAX_NAMES = 8
MAX_HOLDINGS = 300
_ROLES = (Role.INPUT, Role.SHARED, Role.CONSTANT, Role.OUTPUT, Role.INTERMEDIATE)
_LIGHT = {
    Role.INPUT: "#69b386", Role.SHARED: "#dba83e", Role.CONSTANT: "#b9b9b2",
    Role.OUTPUT: "#3f72d1", Role.INTERMEDIATE: "#a99ad9",
}  # fmt: skip
_DARK = {
    Role.INPUT: "#3f8d5f", Role.SHARED: "#b98a2c", Role.CONSTANT: "#6c7078",
    Role.OUTPUT: "#7fa8f2", Role.INTERMEDIATE: "#7263b3",
}  # fmt: skip
# Room that is there and not in use is drawn pale.
_UNUSED = "unused"


def memory_data(plan: MemoryPlan) -> dict[str, Any]:
    """A plan as plain data for the page of a profile; beyond 300 arrays the small ones are one."""
    holdings = sorted(plan.holdings, key=lambda holding: -holding.bytes)
    small = holdings[MAX_HOLDINGS:]
    return {
        "title": shorten_end(plan.title, 80),
        "steps": [shorten_end(step, 60) for step in plan.steps],
        "peak": plan.peak,
        "allocated": plan.allocated,
        "peak_step": plan.peak_step,
        "bound": plan.is_bound,
        "holdings": [
            [shorten(x.name, 40), x.role.value, x.bytes, x.first, x.last, x.type, x.where]
            for x in holdings[:MAX_HOLDINGS]
        ],
        "more": [
            sum(x.bytes for x in small if x.first <= step <= x.last) if small else 0
            for step in range(len(plan.steps))
        ],
    }


def memory_svg(plan: MemoryPlan) -> str:
    """A plan as an SVG picture, for light and dark pages: an area chart, and the largest names.

    Parameters
    ----------
    plan : MemoryPlan
    """
    layers = _layers(plan)
    names = plan.alive_at_peak[:MAX_NAMES]
    height = TOP + PLOT + 34 + ROW * len(names) + 16
    parts = [
        _text("h", 14, 20, shorten_end(plan.title, 90)),
        _text(
            "b", 14, 37, f"peak {'at most ' if plan.is_bound else ''}{bytes_text(plan.peak)},"
            f" {bytes_text(plan.allocated)} of it allocated by the call",
        ),
        *_scale(plan),
        *_areas(plan, layers),
        _peak(plan),
        *_names(plan, names, TOP + PLOT + 42),
    ]  # fmt: skip
    key = f"ari-memory-{zlib.crc32(''.join(parts).encode()):08x}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" id="{key}" width="{WIDTH}" height="{height}"'
        f' viewBox="0 0 {WIDTH} {height}" role="img"><style>{_style(key)}</style>'
        f'<rect class="page" x=".5" y=".5" width="{WIDTH - 1}" height="{height - 1}" rx="8"/>'
        f"{''.join(parts)}</svg>\n"
    )


def _layers(plan: MemoryPlan) -> dict[str, list[int]]:
    """For each role, and for room not in use, the bytes at each step; from the bottom up."""
    steps = range(len(plan.steps))
    layers = {role.value: list(plan.of_role(role)) for role in _ROLES}
    unused = [0 for _ in steps]
    for holding in plan.holdings:
        if holding.name.endswith("not in use"):
            for step in range(holding.first, holding.last + 1):
                unused[step] += holding.bytes
    used = [a - b for a, b in zip(layers[Role.INTERMEDIATE.value], unused, strict=True)]
    layers[Role.INTERMEDIATE.value] = used
    layers[_UNUSED] = unused
    return {name: sizes for name, sizes in layers.items() if any(sizes)}


def _x(plan: MemoryPlan, step: float) -> float:
    return LEFT + (WIDTH - LEFT - 18) * step / max(len(plan.steps), 1)


def _y(plan: MemoryPlan, size: float) -> float:
    return TOP + 10 + (PLOT - 10) * (1 - size / max(plan.peak, 1))


def _picked(plan: MemoryPlan) -> list[int]:
    """The steps that are drawn: all, or of each of 300 runs of them the most demanding."""
    count = len(plan.steps)
    bars = min(count, MAX_BARS)
    runs = [range(n * count // bars, (n + 1) * count // bars) for n in range(bars)]
    return [max(run, key=plan.timeline.__getitem__) for run in runs]


def _areas(plan: MemoryPlan, layers: dict[str, list[int]]) -> list[str]:
    """The layers as steps, one on the other."""
    picked = _picked(plan)
    floor = [0] * len(picked)
    parts = []
    for name, sizes in layers.items():
        top = [low + sizes[step] for low, step in zip(floor, picked, strict=True)]
        start = f"M{LEFT} {_n(_y(plan, floor[0]))}"
        path = f"{start}{_level(plan, top, False)}{_level(plan, floor, True)}z"
        look = name.partition(" ")[0]
        parts.append(f'<path class="r-{look}" d="{path}"><title>{escape(name)}</title></path>')
        floor = top
    return parts


def _level(plan: MemoryPlan, sizes: list[int], backward: bool) -> str:
    """A line that is level along each step, from left to right or back; equal ones are one."""
    width = (WIDTH - LEFT - 18) / len(sizes)
    places = range(len(sizes) - 1, -1, -1) if backward else range(len(sizes))
    parts, last, x = [], None, ""
    for place in places:
        y = _n(_y(plan, sizes[place]))
        if y != last:
            parts.append(f"{x}V{y}")
        last, x = y, f"H{_n(LEFT + width * (place if backward else place + 1))}"
    return "".join(parts) + x


def _scale(plan: MemoryPlan) -> list[str]:
    parts = []
    for part in (0, 0.25, 0.5, 0.75, 1):
        y = _y(plan, part * plan.peak)
        parts.append(f'<path class="g" d="M{LEFT} {_n(y)}H{WIDTH - 18}"/>')
        parts.append(_text("t e", LEFT - 6, y + 3.5, bytes_text(part * plan.peak)))
    bottom = TOP + PLOT + 14
    count = len(plan.steps)
    parts.append(_text("t", LEFT, bottom, f"{count} step{'' if count == 1 else 's'}"))
    return parts


def _peak(plan: MemoryPlan) -> str:
    x = _x(plan, plan.peak_step + 0.5)
    anchor = "e" if x > WIDTH * 0.6 else ""
    label = f"step {plan.peak_step + 1}: {shorten_end(plan.steps[plan.peak_step], 48)}"
    line = f'<path class="k" d="M{_n(x)} {TOP + 6}V{TOP + PLOT + 3}"/>'
    return line + _text(f"t {anchor}", x + (-5 if anchor else 5), TOP + PLOT + 14, label)


def _names(plan: MemoryPlan, names: list[Any], top: float) -> list[str]:
    parts = []
    for n, holding in enumerate(names):
        y = top + ROW * n
        role = _UNUSED if holding.name.endswith("not in use") else holding.role.value.split()[0]
        parts.append(f'<rect class="r-{role}" x="{LEFT}" y="{_n(y - 8)}" width="9" height="9"/>')
        parts.append(_text("b", LEFT + 15, y, shorten(holding.name, 34)))
        parts.append(_text("e b", LEFT + 320, y, bytes_text(holding.bytes)))
        about = "  ".join(filter(None, (holding.role.value, holding.type, holding.where)))
        parts.append(_text("t", LEFT + 334, y, shorten_end(about, 70)))
    return parts


def _text(look: str, x: float, y: float, text: str) -> str:
    return f'<text class="{look}" x="{_n(x)}" y="{_n(y)}">{escape(text)}</text>'


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _style(key: str) -> str:
    def colours(found: dict[Role, str], unused: str) -> str:
        of_roles = "".join(
            f"#{key} .r-{role.value.split()[0]}{{fill:{found[role]}}}" for role in found
        )
        return f"{of_roles}#{key} .r-unused{{fill:{unused}}}"

    return (
        f'#{key}{{font-family:"Helvetica Neue",Helvetica,Arial,"Liberation Sans",sans-serif;'
        "max-width:100%;height:auto}"
        f"#{key} .page{{fill:#fdfdfe;stroke:#dfe3ea}}#{key} text{{fill:#1c2533;font-size:11.5px}}"
        f"#{key} .h{{font-size:13px;font-weight:600}}"
        f"#{key} .t{{font-size:10px;fill:#5b6678}}#{key} .e{{text-anchor:end}}"
        f"#{key} .g{{stroke:#dfe3ea}}#{key} .k{{stroke:#1c2533;stroke-dasharray:3 3;fill:none}}"
        f"{colours(_LIGHT, '#e4e0f2')}@media (prefers-color-scheme:dark){{"
        f"#{key} .page{{fill:#161a21;stroke:#2c333f}}#{key} text{{fill:#e6eaf1}}"
        f"#{key} .t{{fill:#9aa6b8}}#{key} .g{{stroke:#2c333f}}#{key} .k{{stroke:#e6eaf1}}"
        f"{colours(_DARK, '#2a2545')}}}"
    )
