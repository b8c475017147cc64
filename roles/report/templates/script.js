// The page is whole without it: this sorts and filters the table, and switches between light and dark.
"use strict";

const table = document.getElementById("table");
const body = table.tBodies[0];
const rows = [...body.rows];
const form = document.getElementById("filter");
const letters = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

// Theme

const themes = ["auto", "light", "dark"];
const toggle = document.getElementById("theme");

function show(theme) {
  document.documentElement.dataset.theme = theme;
  toggle.textContent = `Theme: ${theme}`;
}

function kept() {
  try {
    return localStorage.getItem("theme");
  } catch { // a file in a browser that keeps nothing for files
    return null;
  }
}

toggle.addEventListener("click", () => {
  const next = themes[(themes.indexOf(document.documentElement.dataset.theme) + 1) % themes.length];
  show(next);
  try {
    localStorage.setItem("theme", next);
  } catch { /* it holds until the page is closed */ }
});
show(themes.includes(kept()) ? kept() : "auto");
toggle.hidden = false;

// Sort: what has no value stands at the end, whichever the direction.

function value(row, column) {
  const cell = row.cells[column];
  if (cell.dataset.v === undefined) return cell.textContent.trim();
  return cell.dataset.v === "" ? null : Number(cell.dataset.v);
}

function sort(column, descending) {
  const keys = new Map(rows.map((row) => [row, value(row, column)]));
  const sign = descending ? -1 : 1;
  rows.sort((one, other) => {
    const a = keys.get(one), b = keys.get(other);
    if (a === null || b === null) return (a === null) - (b === null);
    return sign * (typeof a === "number" ? a - b : letters.compare(a, b));
  });
  body.append(...rows);
}

for (const [column, head] of [...table.tHead.rows[0].cells].entries()) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = head.textContent;
  head.replaceChildren(button);
  if (!head.hasAttribute("aria-sort")) head.setAttribute("aria-sort", "none");
  button.addEventListener("click", () => {
    const descending = head.getAttribute("aria-sort") === "ascending";
    for (const other of table.tHead.rows[0].cells) other.setAttribute("aria-sort", "none");
    head.setAttribute("aria-sort", descending ? "descending" : "ascending");
    sort(column, descending);
  });
}

// Filter

const texts = new Map(rows.map((row) => [row, row.textContent.toLowerCase()]));
const tiles = [...document.querySelectorAll("a.tile")];

function filter() {
  const wanted = Object.fromEntries(new FormData(form));
  const words = wanted.text.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const row of rows) {
    const fits = Object.entries(wanted).every(([key, one]) => {
      if (key === "text" || one === "") return true;
      const own = row.dataset[key] ?? "";
      return key === "mark" ? own.split(" ").includes(one) : own === one;
    });
    row.hidden = !fits || !words.every((word) => texts.get(row).includes(word));
    shown += !row.hidden;
  }
  form.querySelector("output").textContent = `${shown} of ${rows.length} shown`;
  const chosen = Object.entries(wanted).filter(([, one]) => one !== "").map((pair) => pair.join("=")).join("&");
  for (const tile of tiles) tile.ariaCurrent = chosen !== "" && tile.dataset.filter === chosen ? "true" : null;
}

form.addEventListener("input", filter);
form.addEventListener("submit", (event) => event.preventDefault());
form.addEventListener("reset", () => setTimeout(filter));
for (const tile of tiles) {
  tile.addEventListener("click", () => {
    form.reset();
    const [name, one] = tile.dataset.filter.split("=");
    if (one) form.elements[name].value = one;
    filter();
  });
}
form.hidden = false;
filter();

// A member of the drawing may be hidden by the filter.
function uncover() {
  const row = document.getElementById(location.hash.slice(1));
  if (row && row.hidden) {
    form.reset();
    setTimeout(() => row.scrollIntoView());
  }
}
window.addEventListener("hashchange", uncover);

// On paper nothing can be unfolded.
window.addEventListener("beforeprint", () => {
  for (const each of document.querySelectorAll("details")) each.open = true;
});
