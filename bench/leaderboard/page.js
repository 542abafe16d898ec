"use strict";
// Tabs, sorting, colours. Names from files reach the page as text only (textContent, attributes), never as markup.
const data = JSON.parse(document.getElementById("data").textContent);
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const SVG = "http://www.w3.org/2000/svg";

function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "onclick" || key === "oninput" || key === "onchange") node[key] = value;
    else if (value !== null && value !== undefined && value !== false) node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.filter(child => child !== null && child !== undefined));
  return node;
}

function draw(tag, attributes = {}, text = null) {
  const node = document.createElementNS(SVG, tag);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== null) node.textContent = text;
  return node;
}

function short(value, digits = 4) {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e5 || size < 1e-4)) return value.toExponential(digits - 1);
  return String(Number(value.toPrecision(digits)));
}

const key = colour => make("i", {class: `key k${colour}`});
const colourOf = (suite, method) => data.suites[suite].methods.find(entry => entry.label === method).colour;
const state = {suite: 0, profile: data.suites[0].profiles[0], subset: ""};

function readHash() {
  const wanted = new URLSearchParams(location.hash.slice(1));
  const suite = data.suites.findIndex(entry => entry.name === wanted.get("suite"));
  if (suite >= 0) state.suite = suite;
  if (wanted.has("profile")) state.profile = wanted.get("profile");
  if (wanted.has("samples")) state.subset = wanted.get("samples");
}

function show(change = {}) {
  Object.assign(state, change);
  const suite = data.suites[state.suite];
  if (!suite.profiles.includes(state.profile)) state.profile = suite.profiles[0];
  if (!suite.subsets.includes(state.subset)) state.subset = "";
  for (const node of all(".suite, .profiles, .subsets")) node.hidden = Number(node.dataset.suite) !== state.suite;
  for (const part of all(".part")) {
    const {suite: number, profile, subset} = part.dataset;
    part.hidden = Number(number) !== state.suite || profile !== state.profile || subset !== state.subset;
    if (!part.hidden) drawPart(part);
  }
  for (const button of all(".bar button")) {
    const {suite: number, profile, subset} = button.dataset;
    if (number !== undefined) button.setAttribute("aria-pressed", Number(number) === state.suite);
    else if (profile !== undefined) button.setAttribute("aria-pressed", profile === state.profile);
    else if (subset !== undefined) button.setAttribute("aria-pressed", subset === state.subset);
  }
  const hash = new URLSearchParams({suite: suite.name, profile: state.profile});
  if (state.subset) hash.set("samples", state.subset);
  history.replaceState(null, "", `#${hash}`);
  drawSpeed(state.suite);
  openPlayer(state.suite);
}

function sortRows(button) {
  const head = button.closest("th");
  const table = head.closest("table");
  const column = [...head.parentNode.children].indexOf(head);
  const bestFirst = button.dataset.better === "desc" ? "descending" : "ascending";
  const other = bestFirst === "descending" ? "ascending" : "descending";
  const order = head.getAttribute("aria-sort") === bestFirst ? other : bestFirst;
  for (const cell of all("th[aria-sort]", table)) cell.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", order);
  const body = table.querySelector("tbody.rows");
  const value = row => row.children[column].dataset.sort;
  const rows = [...body.children];
  rows.sort((a, b) => {
    const [first, second] = [value(a), value(b)];
    if (first === "" || second === "") return (first === "") - (second === ""); // without a number: always last
    const gap = column === 0 ? first.localeCompare(second) : Number(first) - Number(second);
    return order === "ascending" ? gap : -gap;
  });
  body.append(...rows);
}

function paint(theme) {
  const root = document.documentElement;
  if (theme) root.dataset.theme = theme;
  const dark = theme ? theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  for (const button of all(".theme button")) button.setAttribute("aria-pressed", (button.dataset.theme === "dark") === dark);
}

document.addEventListener("click", event => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.classList.contains("sort")) {
    sortRows(button);
    const metric = button.closest("th").dataset.column;
    if (metric) drawDetail(button.closest(".part"), metric);
  } else if (button.closest(".bar")) {
    const {suite, profile, subset, theme} = button.dataset;
    if (theme !== undefined) paint(theme);
    else if (suite !== undefined) show({suite: Number(suite)});
    else if (profile !== undefined) show({profile});
    else if (subset !== undefined) show({subset});
  }
});
document.addEventListener("change", event => {
  for (const [name, style, when] of [["intervals", "with-intervals", true], ["published", "without-published", false]]) {
    if (!event.target.classList.contains(name)) continue;
    for (const box of all(`input.${name}`)) box.checked = event.target.checked;
    for (const table of all("table.board")) table.classList.toggle(style, event.target.checked === when);
  }
});
addEventListener("DOMContentLoaded", () => { readHash(); paint(null); show(); });
addEventListener("hashchange", () => { readHash(); show(); });
