// SPDX-License-Identifier: MIT
// Small pieces that several views are made of.
import { html, useEffect, useState } from './vendor/preact.js';

// A state is a shape and a word; colour only helps (the shapes are in the style sheet).
export const Badge = ({ state, word }) => html`
  <span class="badge" data-state=${state}><span class="icon" aria-hidden="true"></span>${word}</span>`;

// Nothing for 200 ms, then a skeleton, then words.
export function Waiting({ what, rows = 3 }) {
  const [isLong, setLong] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLong(true), 3000);
    return () => clearTimeout(timer);
  }, []);
  return html`<div class="waiting" aria-busy="true">
    ${Array.from({ length: rows }, (_, i) => html`<div class="bone" key=${i}></div>`)}
    <p class=${isLong ? 'dim' : 'unseen'}>${isLong ? `Still waiting for ${what}…` : `Waiting for ${what}`}</p>
  </div>`;
}

export const ErrorNote = ({ error, retry }) => html`
  <div class="note error" role="alert">
    <p><strong>${error.message}</strong> ${error.step ?? ''}</p>
    ${retry && html`<button type="button" class="plain" onClick=${retry}>Try again</button>`}
  </div>`;

// The clipboard is only for pages by TLS or of this machine: else the text is selected.
async function copy(text, node) {
  try {
    await navigator.clipboard.writeText(text);
    return 'Copied';
  } catch {
    getSelection().selectAllChildren(node);
    return 'Selected: copy it by hand';
  }
}

export function Copyable({ text, what }) {
  const [said, say] = useState('');
  const onClick = async (event) => {
    const node = event.currentTarget.parentNode.querySelector('code');
    say(await copy(text, node));
    setTimeout(() => say(''), 3000);
  };
  return html`<div class="copyable">
    <pre tabindex="0"><code>${text}</code></pre>
    <button type="button" class="plain" aria-label="Copy ${what}" onClick=${onClick}>${said || 'Copy'}</button>
    <span class="unseen" role="status">${said}</span>
  </div>`;
}
