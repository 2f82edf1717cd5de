// What `recorder why` says of one image.
import * as api from "../api.js";
import { $, el, hide, named, text } from "../dom.js";
import * as format from "../format.js";
import { state } from "../store.js";

const DEEPEST = 8; // levels: what is deeper is written as JSON

function tree(value, depth = 0) {
  if (value === null || value === undefined) return el("span", { class: "quiet" }, "–");
  if (typeof value !== "object") return named(String(value));
  if (depth > DEEPEST) return named(JSON.stringify(value));
  if (Array.isArray(value)) {
    if (!value.length) return el("span", { class: "quiet" }, "none");
    if (value.every((one) => typeof one === "number")) return named(value.map((one) => format.number(one, 6)).join(" "));
    return el("ol", {}, ...value.map((one) => el("li", {}, tree(one, depth + 1))));
  }
  const pairs = Object.entries(value);
  if (!pairs.length) return el("span", { class: "quiet" }, "none");
  return el(
    "dl",
    { class: "tree" },
    ...pairs.map(([key, one]) => el("div", {}, el("dt", {}, format.words(key)), el("dd", {}, tree(one, depth + 1)))),
  );
}

export async function show(uid, route) {
  hide($("why"), false);
  text($("why-title"), `Image ${route.image} of run ${route.run}`);
  try {
    const body = await api.get(`runs/${api.part(uid)}/images/${api.part(route.image)}`);
    if (state.route === route) {
      text($("why-title"), `Image ${route.image} of run ${body.run ?? route.run}`);
      $("why-body").replaceChildren(tree(body));
    }
  } catch (error) {
    if (state.route === route) $("why-body").replaceChildren(el("p", { class: "bad" }, error.message));
  }
  $("why").focus();
}

export function close() {
  hide($("why"), true);
}
