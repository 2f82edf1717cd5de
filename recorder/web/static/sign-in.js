// The page to sign in. After # comes what goes on afterwards: a run, a problem to show,
// or the token of a screen, which no server and no log sees there.
import { $, el, hide, text } from "./dom.js";
import { ask } from "./asking.js";

// Of those who come back from a provider: whoever wrote the address wrote no text of ours.
const PROBLEMS = {
  late: "This sign-in took too long, or was begun in another browser; begin again.",
  away: "The provider cannot be asked now; try again in a minute, or tell whoever runs this page.",
  "sign-in": "The provider does not say who you are, or not to us; begin again.",
  "too-many": "Too many tries to sign in; try again in a minute.",
  busy: "Too many people sign in at this moment; try again.",
  rights: "The database that says who may see what cannot be asked now; try again in a few minutes.",
};
const FAILED = "The sign-in failed; try again, or tell whoever runs this page.";

const after = new URLSearchParams(location.hash.slice(1));

function tell(problem) {
  text($("problem"), problem);
}

function onward() {
  for (const mine of ["problem", "token"]) after.delete(mine);
  const rest = after.toString();
  location.replace(rest ? `/#${rest}` : "/");
}

async function enter(event) {
  event.preventDefault();
  $("enter").disabled = true;
  tell("");
  try {
    const chosen = $("authenticator").value;
    await ask("/sign-in", {
      login: $("login").value.trim(),
      password: $("password").value,
      ...(chosen ? { authenticator: chosen } : {}),
    });
    onward();
  } catch (error) {
    tell(error.message);
    $("password").value = "";
    $("password").focus();
  } finally {
    $("enter").disabled = false;
  }
}

async function screen(token) {
  history.replaceState(null, "", "/sign-in");
  try {
    await ask("/sign-in/token", { token });
    location.replace("/?wall");
  } catch (error) {
    tell(error.message);
  }
}

function show(config) {
  text($("beamline"), config.beamline);
  hide($("insecure"), !config.insecure);
  const typed = config.authenticators.filter((one) => one.how === "password");
  const others = config.authenticators.filter((one) => one.how === "redirect");
  hide($("form"), typed.length === 0);
  hide($("choice"), typed.length < 2);
  if (typed.length > 1) {
    $("authenticator").append(...typed.map(({ name }) => el("option", { value: name }, name)));
  }
  $("providers").append(
    ...others.map(({ name }) =>
      el("li", {}, el("a", { href: `/sign-in/${encodeURIComponent(name)}/depart` }, `Sign in with ${name}`)),
    ),
  );
  if (typed.length) $("login").focus();
}

$("form").addEventListener("submit", enter);
if (after.has("problem")) {
  const kind = after.get("problem");
  tell(Object.hasOwn(PROBLEMS, kind) ? PROBLEMS[kind] : FAILED);
}
try {
  show(await ask("/sign-in/config"));
  if (after.has("token")) await screen(after.get("token"));
} catch (error) {
  tell(error.message);
}
