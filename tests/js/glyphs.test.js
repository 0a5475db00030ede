/** Widths and colours against the Python sources, and names against each other. */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import test from "node:test";

import { PALETTES, heatColour, inkOn, shortNumber, shortened, textWidth } from "../../viz/static/glyphs.js";

const viz = new URL("../../viz/", import.meta.url);
const read = (name) => readFileSync(new URL(name, viz), "utf8");

test("widths are those of Python's table", () => {
  const rows = [...read("drawing/glyphs.py").matchAll(/dict\.fromkeys\((["'])(.*?)\1, (\d+)\)/g)];
  const python = new Map(rows.flatMap(([, , characters, width]) => [...characters].map((one) => [one, Number(width)])));
  assert.ok(python.size > 85);
  for (let code = 32; code < 127; code++) {
    const character = String.fromCharCode(code);
    const expected = ((python.get(character) ?? 556) / 1000) * 12 * 1.06;
    assert.ok(Math.abs(textWidth(character, 12) - expected) < 1e-9, character);
  }
  for (const [character, width] of [["λ", 556], ["語", 1000], ["🙂", 1300]]) {
    assert.ok(Math.abs(textWidth(character, 10) - (width / 100) * 1.06) < 1e-9);
  }
  assert.ok(Math.abs(textWidth("sum", 12, true) / textWidth("sum", 12) - 1.06) < 1e-9);
});

test("text is shortened in its middle, as in Python", () => {
  assert.equal(shortened("a_very_long_name", 9), "a_ve…name");
  assert.equal(shortened("short", 9), "short");
  assert.equal([...shortened("🙂".repeat(50), 40)].length, 40);
});

test("colours are those of the static picture", () => {
  const [light, dark] = read("static/picture.css").split("@media (prefers-color-scheme:dark)");
  const rule = (css, look) => css.match(new RegExp(`\\.${look} \\.s\\{fill:(#\\w+);stroke:(#\\w+)`))?.slice(1);
  for (const look of ["op", "named", "grad", "input", "shared", "const", "var", "out", "outgrad"]) {
    assert.deepEqual(PALETTES.light[look].slice(0, 2), rule(light, look), look);
    assert.deepEqual(PALETTES.dark[look].slice(0, 2), rule(dark, look), look);
  }
});

/** The contrast of two colours as WCAG 2 defines it. */
function contrast(one, other) {
  const light = (colour) => {
    const hex = colour.length === 4 ? colour.replace(/\w/g, "$&$&") : colour;
    const parts = colour.startsWith("rgb") ? colour.match(/\d+/g).map(Number) : [1, 3, 5].map((k) => parseInt(hex.slice(k, k + 2), 16));
    const [red, green, blue] = parts.map((part) => (part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const [low, high] = [light(one), light(other)].sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
}

test("all text can be read on its ground", () => {
  for (const palette of Object.values(PALETTES)) {
    for (const look of ["op", "named", "grad", "input", "shared", "const", "var", "out", "outgrad", "box", "came", "went"]) {
      const [fill, , text = palette.text, soft = palette.soft] = palette[look];
      assert.ok(contrast(fill, text) >= 4.5, `${look} ${contrast(fill, text)}`);
      assert.ok(contrast(fill, soft) >= 4, `${look} small ${contrast(fill, soft)}`);
    }
    for (let share = 0; share <= 1; share += 0.05) {
      const colour = heatColour(palette, share);
      assert.ok(contrast(colour, inkOn(colour)) >= 4, `heat ${share} ${contrast(colour, inkOn(colour))}`);
    }
  }
});

test("numbers for people", () => {
  const pairs = [[0, "0"], [12.345, "12.3"], [1234.5, "1235"], [1234567, "1.23e+6"], [0.00012, "1.20e-4"], [NaN, "NaN"]];
  for (const [value, text] of pairs) assert.equal(shortNumber(value), text);
});

test("no two files of the viewer share a name at the top level, for they become one script", () => {
  const files = readdirSync(new URL("static/", viz)).filter((name) => name.endsWith(".js"));
  const owner = new Map();
  for (const file of files) {
    for (const [, name] of read(`static/${file}`).matchAll(/^(?:export )?(?:async )?(?:const|let|function|class) (\w+)/gm)) {
      assert.equal(owner.get(name), undefined, `${name} is in ${owner.get(name)} and ${file}`);
      owner.set(name, file);
    }
  }
});
