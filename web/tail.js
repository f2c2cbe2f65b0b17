// SPDX-License-Identifier: MIT
// The live tail: what goes on, line by line, while somebody looks. It can be stopped to be read.
import { bytesOf, clockOf, numberOf, plural } from './format.js';
import { Badge } from './parts.js';
import { Tail } from './peers.js';
import { useSource } from './source.js';
import { html, useEffect, useState } from './vendor/preact.js';

const STATES = { live: ['live', 'Live'], wait: ['wait', 'Connecting'], off: ['off', 'No connection: it is tried again'] };
const WHATS = ['opened', 'ended', 'identified', 'joined', 'in', 'out', 'stored'];
const tail = new Tail();

const whoOf = (line) => line.device ?? line.agent ?? line.address ?? '';
const how = (line) => [line.transport, line.protocol, line.address].filter(Boolean).join(' ');

const SENTENCES = {
  opened: (line) => how(line),
  ended: (line) => [line.reason, line.code && `code ${line.code}`].filter(Boolean).join(', ') || 'no reason was given',
  identified: (line) => `as ${[line.system, line.role].filter(Boolean).join(' · ')}`,
  joined: (line) => line.room ? `room ${line.room} of ${line.namespace}` : `namespace ${line.namespace}`,
  in: (line) => `${line.event} × ${numberOf(line.count)}, ${bytesOf(line.bytes ?? 0)}`,
  out: (line) => `${line.event} × ${numberOf(line.count)}, ${bytesOf(line.bytes ?? 0)}${line.to ? ` to ${numberOf(line.to)}` : ''}`,
  stored: (line) => `${line.event} × ${numberOf(line.count)}, ${bytesOf(line.bytes ?? 0)}`,
};

const Line = ({ line, text }) => html`<li data-what=${line.what}>
  <time class="dim">${clockOf(line.at_us / 1000)}</time> <strong>${line.what}</strong>
  <span class="whom">${whoOf(line)}</span> <span class="dim words">${text}</span></li>`;

export function TailView({ connection, name, unfollow }) {
  const { lines, state, missed, isPaused, held } = useSource(tail);
  const [find, setFind] = useState(''), [what, setWhat] = useState('');
  useEffect(() => {
    tail.open(connection);
    return () => tail.close();
  }, [connection]);
  const told = lines.map((line) => ({ line, text: SENTENCES[line.what]?.(line) ?? '' }))
    .filter(({ line, text }) => (!what || line.what === what)
      && (!find || `${line.what} ${whoOf(line)} ${line.system ?? ''} ${text}`.toLowerCase().includes(find.toLowerCase())));
  const [icon, word] = STATES[state];
  return html`<section class="tail" aria-labelledby="tail-title">
    <div class="head"><h2 id="tail-title">What goes on</h2> <${Badge} state=${isPaused ? 'wait' : icon} word=${isPaused ? 'Paused' : word} />
      <form class="filters" onSubmit=${(e) => e.preventDefault()}>
        ${connection && html`<button type="button" class="plain" onClick=${unfollow}>${name} only ✕</button>`}
        <label>Find <input type="search" name="tail" value=${find} onInput=${(e) => setFind(e.target.value)} /></label>
        <label>Kind <select name="what" onChange=${(e) => setWhat(e.target.value)}><option value="">All</option>
          ${WHATS.map((w) => html`<option key=${w} value=${w} selected=${w === what}>${w}</option>`)}</select></label>
        <button type="button" class="plain" aria-pressed=${isPaused ? 'true' : 'false'} onClick=${() => tail.pause(!isPaused)}>
          ${isPaused ? `Go on${held ? ` (${numberOf(held)} passed)` : ''}` : 'Pause'}</button>
      </form></div>
    ${missed > 0 && html`<p class="note">${plural(missed, 'line was', 'lines were')} left out: more happened than this connection takes.</p>`}
    ${told.length === 0 ? html`<p class="dim quiet">${lines.length ? 'No line matches.' : 'Nothing has happened since you look. Connections, events and stored records appear here.'}</p>`
      : html`<ol class="tail-lines" tabindex="0" aria-label="Events, the newest first">${told.map(({ line, text }) => html`<${Line} key=${line.number} line=${line} text=${text} />`)}</ol>`}
  </section>`;
}
