// SPDX-License-Identifier: MIT
// On every view: where one is, whether the hub is heard, whose time is shown.
import { hubNow } from './clock.js';
import { spanOf, timeOf, zone } from './format.js';
import { link, streams } from './hub.js';
import { Badge } from './parts.js';
import { prefs, showTheme, usePref } from './prefs.js';
import { detectionsHref } from './route.js';
import { tick, useSource } from './source.js';
import { truthOf } from './truth.js';
import { html } from './vendor/preact.js';

const THEMES = { auto: ['light', '◐ Auto'], light: ['dark', '☀ Light'], dark: ['auto', '☾ Dark'] };

function Theme() {
  const now = usePref('theme', 'auto'), [next, words] = THEMES[now] ?? THEMES.auto;
  const onClick = () => {
    prefs.set('theme', next);
    showTheme();
  };
  return html`<button type="button" class="plain theme" onClick=${onClick} aria-label="Theme: ${now}. Change to ${next}">${words}</button>`;
}

function LinkState() {
  if (link.isOpen) {
    return html`<${Badge} state="live" word="Connected" /><span class="dim heard">heard ${spanOf(link.silentMs)} ago</span>`;
  }
  if (link.asOf === null) return html`<${Badge} state="wait" word="Connecting" />`;
  return html`<${Badge} state="off" word="No connection" /><span class="dim heard">as of ${timeOf(link.asOf)}</span>`;
}

function Sums() {
  const list = streams.list;
  const live = list.filter((s) => truthOf(s, hubNow(), link.asOf).state === 'live').length;
  return list.length > 0 && link.isOpen && html`<span class="sums">${live} of ${list.length} live</span>`;
}

export function Header({ view }) {
  useSource(tick);
  useSource(link);
  useSource(streams);
  const current = (name) => (view === name ? 'page' : undefined);
  return html`<header class="top">
    <a class="brand" href="#/"><img src="/app/icon.svg" alt="" width="20" height="20" />Sluice</a>
    <nav aria-label="Views">
      <a href="#/" aria-current=${view === 'camera' ? 'true' : current('wall')}><span class="icon" aria-hidden="true">▦</span>Live</a>
      <a href=${detectionsHref()} aria-current=${current('detections')}><span class="icon" aria-hidden="true">☰</span>Detections</a>
      <a href="#/connections" aria-current=${current('connections')}><span class="icon" aria-hidden="true">⇄</span>Connections</a>
      <a href="#/knocking" aria-current=${current('knocking')}><span class="icon" aria-hidden="true">⚑</span>Knocking</a>
    </nav>
    <p class="link-state">${Sums()}<span class="link">${LinkState()}</span></p>
    <p class="dim zone" title="Times are shown in this zone">${zone}</p>
    <${Theme} />
  </header>`;
}
