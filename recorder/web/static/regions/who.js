// Who is signed in, and in plain words what they see.
import { $, attribute, hide, named, text } from "../dom.js";
import { region, state } from "../store.js";
import * as me from "../me.js";
import * as view from "../view.js";

const SIGHT = {
  beamline: "",
  some: "You see the runs of your own sessions and proposals.",
  none: "No run of your own sessions and proposals is here yet.",
  nothing:
    "No right of yours shows a run of this beamline. Ask your local contact to make you a member " +
    "of the session or proposal; rights are looked at each minute.",
};

function sight() {
  if (!state.me) return "";
  if (state.nothing || state.me.sees === "nothing") return SIGHT.nothing;
  if (state.me.sees !== "some") return "";
  const some = view.runs().length > 0 || state.now?.live?.run;
  return some || !state.slow?.complete ? SIGHT.some : SIGHT.none;
}

function draw() {
  const { login, name, kind, reasons } = state.me ?? {};
  const signedIn = me.signedIn();
  hide($("who"), !signedIn);
  hide($("sign-out"), !signedIn || kind === "token");
  const told = kind === "kiosk" ? "screen" : name && name !== login ? `${name} (${login})` : login;
  if (signedIn && $("who").textContent !== told) $("who").replaceChildren(named(told));
  attribute($("who"), "href", kind === "session" ? "account" : null);
  attribute($("who"), "title", reasons?.length ? reasons.join("\n") : null);
  text($("sight"), sight());
  hide($("sight"), !sight());
}

async function leave() {
  try {
    await me.signOut();
  } catch (error) {
    text($("sight"), `You are still signed in: ${error.message}`);
    hide($("sight"), false);
  }
}

export function start() {
  $("sign-out").addEventListener("click", leave);
  region(["me", "now", "slow"], draw);
}
