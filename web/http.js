// SPDX-License-Identifier: MIT
// Requests to the hub. What goes wrong becomes one sentence and a next step, for people.

const PATIENCE_MS = 10000;

export class Trouble extends Error {
  constructor(sentence, step, isGone = false) {
    super(sentence);
    this.step = step;
    this.isGone = isGone; // nobody answered at all
  }
}

async function sentenceOf(answer) {
  try {
    return (await answer.json()).error ?? null;
  } catch {
    return null;
  }
}

const STEPS = {
  400: 'Nothing was changed.',
  401: 'Ask whoever runs the hub for access.',
  403: 'Ask whoever runs the hub for access.',
  404: 'It may have been removed meanwhile.',
  503: 'Try again in a moment.',
};

// The answer's JSON; throws Trouble.
export async function ask(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, { signal: AbortSignal.timeout(PATIENCE_MS), ...options });
  } catch (error) {
    const cause = error.name === 'TimeoutError' ? `The hub did not answer within ${PATIENCE_MS / 1000} s.`
      : 'The hub does not answer.';
    throw new Trouble(cause, 'Check that it runs and that this device still has a network; this page keeps trying.', true);
  }
  if (!answer.ok) {
    const said = await sentenceOf(answer);
    throw new Trouble(said ? `The hub says: ${said} (${answer.status}).` : `The hub answered ${answer.status}.`,
      STEPS[answer.status] ?? 'If it happens again, the hub’s log has the cause.');
  }
  return answer.json();
}

export const change = (path, body) => ask(path, {
  method: 'PATCH', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
