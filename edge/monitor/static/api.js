// Questions to the server, each with the one sentence that it answers when it cannot.

export class Refused extends Error {
  constructor(sentence, status) {
    super(sentence);
    this.status = status;
  }
}

async function ask(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, { credentials: "same-origin", cache: "no-store", ...options });
  } catch {
    throw new Refused("The instrument does not answer.", 0);
  }
  if (!answer.ok) throw new Refused(await sentenceOf(answer), answer.status);
  return answer;
}

async function sentenceOf(answer) {
  try {
    const said = await answer.json();
    return said.sentence || said.detail || said.error || answer.statusText;
  } catch {
    return answer.statusText || `The instrument answered ${answer.status}.`;
  }
}

export const json = async (path) => (await ask(path)).json();
export const bytes = async (path) => (await ask(path)).arrayBuffer();
export const picture = async (path) => createImageBitmap(await (await ask(path)).blob());

/** Who presses Stop on a dead network has to be told so, and not after minutes. */
const LONGEST_MS = 15000;

export async function post(path, body) {
  const headers = { "Content-Type": "application/json" };
  const signal = AbortSignal.timeout(LONGEST_MS);
  const answer = await ask(path, { method: "POST", headers, body: JSON.stringify(body), signal });
  const text = await answer.text();
  return text ? JSON.parse(text) : {};
}
