// The read API, and the two things that people may say.
const ROOT = new URL("../api/v1/", import.meta.url);

export class Problem extends Error {}

async function answer(response) {
  const body = await response.json().catch(() => null);
  if (response.ok) return body;
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
  if (!response.ok) throw new Problem(`${response.status}: ${response.statusText}`);
  return createImageBitmap(await response.blob());
}

export async function say(path, body) {
  let response;
  try {
    response = await fetch(new URL(path, ROOT), {
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
