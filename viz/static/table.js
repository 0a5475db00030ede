/** Tables whose rows are sorted by a click on a title. */

const UNITS = { KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 };

/** The number that a text begins with, of bytes in whatever unit; NaN for other texts. */
function valueOf(text) {
  return Number.parseFloat(text) * (UNITS[text.split(" ")[1]] ?? 1);
}

/** The order of texts: numbers by value before other texts, empty ones last. */
export function compareCells(a, b) {
  const left = valueOf(a);
  const right = valueOf(b);
  if (a === "" || b === "") return (a === "") - (b === "");
  if (Number.isNaN(left) || Number.isNaN(right)) {
    return Number.isNaN(left) - Number.isNaN(right) || (Number.isNaN(left) ? a.localeCompare(b) : 0);
  }
  return left - right;
}

/** The places of texts in order; equal ones keep theirs. */
export function sortedPlaces(texts, descending) {
  const sign = descending ? -1 : 1;
  const order = (m, n) => {
    const [a, b] = [texts[m], texts[n]];
    return a === "" || b === "" ? compareCells(a, b) : sign * compareCells(a, b);
  };
  return texts.map((_, place) => place).sort((m, n) => order(m, n) || m - n);
}

/** Sorts the rows of a table by a column; a second click turns the order round. */
function sortByTitle(title) {
  const body = title.closest("table").tBodies[0];
  const rows = [...body.rows];
  const descending = title.getAttribute("aria-sort") === "ascending";
  const texts = rows.map((row) => row.cells[title.cellIndex].textContent.trim());
  for (const other of title.parentElement.cells) other.removeAttribute("aria-sort");
  title.setAttribute("aria-sort", descending ? "descending" : "ascending");
  body.append(...sortedPlaces(texts, descending).map((place) => rows[place]));
}

/** Makes the tables of a page sortable that are not so yet. */
export function readyTables(page) {
  for (const found of page.querySelectorAll(".ari-table table.ari-grid:not([data-ready])")) {
    found.dataset.ready = "1";
    found.tHead.addEventListener("click", (event) => {
      const title = event.target.closest("th");
      if (title) sortByTitle(title);
    });
  }
}
