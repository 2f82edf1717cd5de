// What people say on the page: who they are, and targets.
import * as api from "../api.js";
import { $, el, text } from "../dom.js";
import * as format from "../format.js";
import * as me from "../me.js";
import { state } from "../store.js";
import * as view from "../view.js";

const WHO = "recorder-who";

function remembered() {
  try {
    return localStorage.getItem(WHO) ?? "";
  } catch {
    return ""; // storage may be forbidden
  }
}

// Ask in a dialogue; fields: [{name, label, type, value}]. null: thought better of it.
function ask(title, fields) {
  const dialog = $("say");
  const form = $("say-form");
  text($("say-title"), title);
  text($("say-problem"), "");
  form.replaceChildren(
    ...fields.map(({ label, options, ...rest }) => {
      const field = options
        ? el("select", rest, ...options.map(([value, words]) => el("option", { value }, words)))
        : el("input", { required: "", ...rest });
      return el("label", {}, `${label} `, field);
    }),
    el("div", { class: "tools" },
      el("button", { type: "submit" }, "Say"),
      el("button", { type: "button", onclick: () => dialog.close() }, "Leave"),
    ),
  );
  return new Promise((resolve) => {
    let answer = null;
    form.onsubmit = (event) => {
      event.preventDefault();
      answer = Object.fromEntries(new FormData(form));
      dialog.close();
    };
    dialog.onclose = () => resolve(answer);
    dialog.showModal();
  });
}

export async function askWho() {
  if (me.signedIn()) return state.me.login;
  const known = remembered();
  if (known) return known;
  const answer = await ask("Who says so?", [
    { label: "Your login", name: "by", maxlength: "64", autocomplete: "username" },
  ]);
  const by = answer?.by.trim();
  if (!by) return null;
  try {
    localStorage.setItem(WHO, by);
  } catch {
    // then it is asked again
  }
  return by;
}

async function setTarget() {
  const run = view.shownRun();
  const delays = view.delays().filter((one) => one.delay_s !== null);
  if (!run || !delays.length) return;
  const options = delays.map((one) => [String(one.delay_s), format.exactTime(one.delay_s)]);
  const answer = await ask(`Target of run ${run.run}`, [
    { label: "Time point", name: "delay", options },
    { label: "Indexed images", name: "indexed", type: "number", min: "1", max: "1000000000" },
  ]);
  if (!answer) return;
  const target = { delay: Number(answer.delay), indexed: Number(answer.indexed) };
  try {
    await api.say(`runs/${api.part(run.uid)}/targets`, [target]);
  } catch (error) {
    text($("say-title"), "Not taken");
    $("say-form").replaceChildren(
      el("button", { type: "button", onclick: () => $("say").close() }, "Close"),
    );
    text($("say-problem"), error.message);
    $("say").showModal();
  }
}

export function start() {
  $("set-target").addEventListener("click", setTarget);
}
