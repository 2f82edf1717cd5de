// The read API, and the two things that people may say.
const ROOT = new URL("../api/v1/", import.meta.url);

const SIGN_IN = new URL("../sign-in", import.meta.url);
const SIGN_OUT = new URL("../sign-out", import.meta.url);

export class Problem extends Error {}

// The session is over: once to the sign-in page, which asks for nothing of this.
export function toSignIn() {
  location.replace(SIGN_IN);
}

async function answer(response) {
  const body = await response.json().catch(() => null);
  if (response.ok) return body;
  if (response.status === 401) toSignIn();
  const why = body?.detail ?? body?.title ?? response.statusText;
  throw new Problem(`${response.status}: ${why}`);
}

export async function get(path) {
  let response;
  try {
    response = await fetch(new URL(path, ROOT), { headers: { accept: "application/json" } });
  } catch {
    throw new Problem("the server does not answer");
  }
  return answer(response);
}

export async function picture(path) {
  const response = await fetch(new URL(path, ROOT));
  if (response.status === 401) toSignIn();
  if (!response.ok) throw new Problem(`${response.status}: ${response.statusText}`);
  return createImageBitmap(await response.blob());
}

export const say = (path, body) => post(new URL(path, ROOT), body);

export const signOut = () => post(SIGN_OUT, {});

async function post(where, body) {
  let response;
  try {
    response = await fetch(where, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  } catch {
    throw new Problem("the server does not answer");
  }
  return answer(response);
}

export const part = encodeURIComponent;
