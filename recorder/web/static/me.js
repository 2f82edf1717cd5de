// Who is signed in, and what they see.
import * as api from "./api.js";
import { changed, state } from "./store.js";

const EACH_MS = 60000; // rights change, and the database goes away

// Until it is known, what the server says counts.
export const can = (scope) => state.me?.scopes?.includes(scope) ?? true;
export const signedIn = () => Boolean(state.me && state.me.kind !== "open");

const rightsOf = ({ login, scopes, rights }) => JSON.stringify([login, scopes, rights]);

// Whoever has other rights now begins anew: nothing stays of what was seen before.
export async function look() {
  let found;
  try {
    found = await api.get("me");
  } catch {
    return; // what was known stands; the stream tells that the server is away
  }
  if (state.me && rightsOf(found) !== rightsOf(state.me)) return location.reload();
  state.me = found;
  changed("me");
}

export function start() {
  look();
  setInterval(look, EACH_MS);
}

export async function signOut() {
  const body = await api.signOut();
  location.assign(body?.go ?? new URL("../sign-in", import.meta.url));
}
