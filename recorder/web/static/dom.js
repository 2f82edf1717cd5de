// Small helpers; all text goes in as text.
import { visible } from "./format.js";

export const $ = (id) => document.getElementById(id);

export function el(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(properties)) {
    if (value === null || value === undefined) continue;
    if (key === "class") node.className = value;
    else if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else node.setAttribute(key, value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

// Only what differs is written: a screen reader and the layout are left alone.
export function text(node, value) {
  if (node.textContent !== value) node.textContent = value;
}

export function attribute(node, key, value) {
  if (value === null) node.removeAttribute(key);
  else if (node.getAttribute(key) !== value) node.setAttribute(key, value);
}

export function hide(node, hidden) {
  if (node.hidden !== hidden) node.hidden = hidden;
}

// What somebody wrote: isolated in its direction, on one line, whole in the title.
export function named(value, none = "–") {
  const written = visible(value);
  if (!written) return el("span", { class: "quiet" }, none);
  return el("bdi", { class: "name", title: written.length > 40 ? written : null }, written);
}

// One child for each item, made once and filled again; order follows the items.
export function keyed(parent, items, keyOf, make, fill) {
  const old = (parent.keyedChildren ??= new Map());
  const now = new Map();
  let place = parent.firstChild;
  for (const item of items) {
    const key = String(keyOf(item));
    if (now.has(key)) continue;
    const node = old.get(key) ?? make(item);
    if (node === place) place = place.nextSibling;
    else parent.insertBefore(node, place);
    fill?.(node, item); // in its place: a canvas has no size before
    now.set(key, node);
  }
  for (const [key, node] of old) if (!now.has(key)) node.remove();
  parent.keyedChildren = now;
}

// A table with a heading row and row headings; cells are texts or nodes.
export function fillTable(table, caption, headings, rows) {
  const written = JSON.stringify([caption, headings, rows], (_, value) =>
    value instanceof Node ? value.outerHTML : value,
  );
  if (table.written === written) return;
  table.written = written;
  hide(table, rows.length === 0);
  const head = headings.map((heading) => el("th", { scope: "col" }, heading));
  const body = rows.map(([first, ...cells]) =>
    el("tr", {}, el("th", { scope: "row" }, first), ...cells.map((cell) => el("td", {}, cell))),
  );
  table.replaceChildren(
    el("caption", { class: "aside" }, caption),
    el("thead", {}, el("tr", {}, ...head)),
    el("tbody", {}, ...body),
  );
}

export function rateCell(one) {
  return el("span", { class: "rate" }, el("b", {}, one[0]), " ", el("i", {}, one[1]));
}
