// One's account: tokens for programs, and where one is signed in.
import { $, el, fillTable, hide, text } from "./dom.js";
import { ask } from "./asking.js";

const MEANINGS = {
  "read:live": "see what goes on now",
  "read:runs": "read runs and their counts",
  "read:images": "read images and pictures",
  "write:targets": "set targets of time points",
  "write:alarms": "mark alarms as seen",
  spool: "see what waits to be written",
  metrics: "read the metrics",
  sync: "bring in the user portal's data",
};

function tell(problem) {
  text($("problem"), problem);
  if (problem) seen($("problem"));
}

// A narrow screen shows a part of the page; what is new must be in it.
function seen(node) {
  node.scrollIntoView({ block: "nearest" });
}

function withdraw() {
  text($("secret"), "");
  hide($("made"), true);
}

async function trying(work) {
  tell("");
  try {
    await work();
  } catch (error) {
    tell(error.message);
  }
}

function when(seconds) {
  return new Date(seconds * 1000).toISOString().slice(0, 16).replace("T", " ") + " UTC";
}

// A use in the first minute is not noted: until a later one, nobody knows.
function used(way) {
  return way.used_s > way.made_s ? when(way.used_s) : "–";
}

function ending(way) {
  const word = way.kind === "token" ? "Revoke" : "End";
  const whole = `${word} ${way.label || way.address}`;
  return el("button", { type: "button", onclick: () => trying(() => end(way)), "aria-label": whole }, word);
}

async function end(way) {
  await ask("/account/revoke", { key: way.key });
  withdraw();
  if (way.mine) location.assign("/sign-in");
  else await load();
}

function within(way) {
  const only = way.only ?? {};
  return only.proposal || only.beamline || (only.session ? `session ${only.session}` : "all");
}

function show(account) {
  text($("who"), account.name || account.login);
  text($("login"), account.login);
  const rights = account.rights.length ? account.rights : ["nothing, as far as the tables say: ask the user office"];
  $("rights").replaceChildren(...rights.map((right) => el("li", {}, right)));
  $("scopes").replaceChildren(
    ...account.scopes.map((scope) =>
      el(
        "label",
        { class: "plain" },
        el("input", { type: "checkbox", name: "scope", value: scope }),
        `${MEANINGS[scope] ?? scope}`,
      ),
    ),
  );
  fillTable(
    $("tokens"),
    "Tokens",
    ["What for", "May", "Only", "Ends", "Last used", "End it"],
    account.tokens.map((way) => [way.label, way.scopes.join(", "), within(way), when(way.ends_s), used(way), ending(way)]),
  );
  fillTable(
    $("sessions"),
    "Sessions",
    ["Address", "By", "Since", "Last used", "End it"],
    account.sessions.map((way) => [
      way.mine ? `${way.address} (this one)` : way.address,
      way.kind === "pair" ? `${way.authenticator}, a program` : way.authenticator,
      when(way.made_s),
      when(way.used_s),
      ending(way),
    ]),
  );
}

async function load() {
  show(await ask("/account/mine"));
}

async function make(event) {
  event.preventDefault();
  const scopes = [...document.querySelectorAll("[name=scope]:checked")].map((box) => box.value);
  const kind = $("within").value;
  const what = $("within-what").value.trim();
  withdraw();
  await trying(async () => {
    const made = await ask("/account/tokens", {
      label: $("label").value,
      scopes,
      days: Number($("days").value),
      ...(kind ? { [kind]: kind === "session" ? Number(what) : what } : {}),
    });
    text($("secret"), made.token);
    hide($("made"), false);
    $("make").reset();
    hide($("within-what"), true);
    await load();
    seen($("made"));
  });
}

async function leave() {
  await trying(async () => {
    const { go } = await ask("/sign-out", {});
    location.assign(go ?? "/sign-in");
  });
}

$("make").addEventListener("submit", make);
$("leave").addEventListener("click", leave);
$("within").addEventListener("change", () => hide($("within-what"), !$("within").value));
await trying(load);
