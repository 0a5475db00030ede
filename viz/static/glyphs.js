/** Widths of text, and the colours and shapes of what is drawn. */

// Advance widths in thousandths of the font size: Helvetica's, as in Python's table.
const WIDTHS = new Map(
  [
    ["ijl'|", 222],
    ["ftI!,./:;[] ", 278],
    ["r()-{}`", 333],
    ['"', 355],
    ["*^", 430],
    ["cksvxyzJ", 500],
    ["abdeghnopquL0123456789_?$#", 556],
    ["+<=>~", 584],
    ["FTZ", 611],
    ["&ABEKPSVXY", 667],
    ["CDHNRUw", 722],
    ["GOQ", 778],
    ["mM", 833],
    ["%W@", 950],
  ].flatMap(([characters, width]) => [...characters].map((character) => [character, width])),
);
const SLACK = 1.06;

export const FONT = '"Helvetica Neue",Helvetica,Arial,"Liberation Sans","DejaVu Sans",sans-serif';
export const FONT_SIZE = 12;
export const SMALL_SIZE = 9.5;

/** The width of a line of text at a font size, in the same unit. */
export function textWidth(text, size, bold = false) {
  let units = 0;
  for (const character of text) {
    const code = character.codePointAt(0);
    units += WIDTHS.get(character) ?? (code < 0x1100 ? 556 : code < 0xffff ? 1000 : 1300);
  }
  return (units / 1000) * size * SLACK * (bold ? 1.06 : 1);
}

/** The text cut to a number of characters, its middle left out. */
export function shortened(text, limit) {
  const characters = [...text];
  if (characters.length <= limit) return text;
  const tail = Math.max(Math.floor((limit - 1) / 2), 0);
  const head = characters.slice(0, limit - 1 - tail);
  return `${head.join("")}…${characters.slice(characters.length - tail).join("")}`;
}

// Fill, stroke, text and small text of each look; those of picture.css.
const LIGHT = {
  page: "#fdfdfe", line: "#dfe3ea", text: "#1c2533", soft: "#5b6678",
  edge: "#7c8798", far: "#b4bcc9",
  up: "#0b7f86", down: "#c8690a", select: "#1c2533", alarm: "#d1242f",
  came: ["#d6f5dd", "#1a7f37", "#0f3d1d", "#1a7f37"],
  went: ["#ffe1df", "#cf222e", "#6e1218", "#a8323a"],
  op: ["#eef1f6", "#8a96a8"],
  named: ["#e0eafc", "#4a7bd0"],
  grad: ["#fbe7ef", "#c06a8f"],
  input: ["#dff3e4", "#3f9560"],
  shared: ["#fdeecb", "#c08a1e"],
  const: ["#f6f6f4", "#b9b9b2", "#5c5c55", "#5c5c55"],
  var: ["#fff", "#8a96a8"],
  out: ["#2c5fbe", "#1d4592", "#fff", "#d3e0fa"],
  outgrad: ["#a83c6c", "#7d2a4f", "#fff", "#fadbe7"],
  box: ["#ece8fa", "#7a68b8", "#2f2657", "#635799"],
  frame: ["#7a68b80e", "#b3a8dc", "#574a8f", "#7a6fae"],
  heat: ["#fff7d6", "#fdd17a", "#fb9a4b", "#e2502f", "#9e1b32"],
};
const DARK = {
  page: "#161a21", line: "#2c333f", text: "#e6eaf1", soft: "#9aa6b8",
  edge: "#7d899b", far: "#4c5665",
  up: "#39c5cf", down: "#f0a04b", select: "#f4f7fc", alarm: "#ff6b6b",
  came: ["#12361f", "#3fb950", "#d2f7da", "#7fdb92"],
  went: ["#45191c", "#f47067", "#ffdcd9", "#f0a19b"],
  op: ["#262d38", "#6b788c"],
  named: ["#1d3157", "#6a97e6"],
  grad: ["#43202f", "#cf7ba0"],
  input: ["#17372a", "#56b27a"],
  shared: ["#3d3013", "#d5a13a"],
  const: ["#22252a", "#5c6068", "#b6bac2", "#b6bac2"],
  var: ["#161a21", "#6b788c"],
  out: ["#7fa8f2", "#b5cdfa", "#0d1a33", "#1f3762"],
  outgrad: ["#e193b6", "#f3c3d8", "#33101f", "#5b2340"],
  box: ["#2b2547", "#9384d6", "#e7e2fb", "#b5aae6"],
  frame: ["#9384d614", "#554a85", "#c3b9ee", "#9c91cf"],
  heat: ["#2a2326", "#5f2c2a", "#a83a26", "#e8742c", "#ffd166"],
};
export const PALETTES = { light: LIGHT, dark: DARK };

/** What the looks mean, for a legend. */
export const LOOK_NAMES = [
  ["input", "input"],
  ["shared", "shared variable"],
  ["const", "constant"],
  ["op", "op"],
  ["named", "named by you"],
  ["grad", "made by grad"],
  ["out", "output"],
  ["outgrad", "output made by grad"],
  ["box", "folded box"],
];

/** A colour of the heat scale at `share`, 0 to 1. */
export function heatColour(palette, share) {
  const stops = palette.heat;
  const place = Math.min(Math.max(share, 0), 1) * (stops.length - 1);
  const low = Math.min(Math.floor(place), stops.length - 2);
  const part = (stop, k) => parseInt(stops[stop].slice(1 + 2 * k, 3 + 2 * k), 16);
  const mixed = [0, 1, 2].map((k) =>
    Math.round(part(low, k) + (part(low + 1, k) - part(low, k)) * (place - low)),
  );
  return `rgb(${mixed.join(",")})`;
}

/** Black or white, whichever has the higher contrast (WCAG 2) on a colour `rgb(...)`. */
export function inkOn(colour) {
  const [red, green, blue] = colour.match(/\d+/g).map((part) => (part / 255) ** 2.2);
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.18 ? "#0b0705" : "#fff";
}

/** A number for people: three significant digits. */
export function shortNumber(value) {
  if (!Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  if (value === 0) return "0";
  if (size >= 1e6 || size < 1e-3) return value.toExponential(2);
  return String(size >= 1000 ? Math.round(value) : Number(value.toPrecision(3)));
}
