// Questions of the pages to sign in and of one's account; what is wrong comes as a text.
export class Refused extends Error {}

export async function ask(path, body) {
  let response;
  const sent = { "content-type": "application/json", accept: "application/json" };
  try {
    response = await fetch(path, {
      method: body === undefined ? "GET" : "POST",
      headers: sent,
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch {
    throw new Refused("the server does not answer");
  }
  const answer = await response.json().catch(() => null);
  if (response.ok) return answer;
  if (response.status === 401 && path.startsWith("/account/")) location.assign("/sign-in");
  throw new Refused(answer?.detail ?? response.statusText);
}
