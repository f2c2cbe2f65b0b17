// SPDX-License-Identifier: MIT
import { Cameras } from './cameras.js';
import { Detections } from './detections.js';
import { plural, timeOf, zone } from './format.js';
import { Link } from './link.js';

const $ = (id) => document.getElementById(id);
const wsUrl = `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/ws`;
const simLine = `sluice sim glass --url ${wsUrl}`;

const cameras = new Cameras($('cameras'), $('no-cameras'));
const detections = new Detections({
  rows: $('rows'), scroller: $('scroller'), pill: $('pill'), total: $('total'), loading: $('loading'),
  empty: $('no-rows'), gap: $('gap'), announcer: $('announcer'),
});
const handlers = {
  frame: (m) => cameras.frame(m),
  device_status: (m) => cameras.status(m),
  detection: (m) => detections.take(m),
};

$('own-address').textContent = location.origin;
$('zone').textContent = `times in ${zone}`;
$('own-sim').textContent = $('own-sim-2').textContent = simLine;

// Ages are told by the hub's clock; ours may be off by minutes.
async function compareClocks() {
  try {
    const before = Date.now();
    const { timestamp } = await (await fetch('/health', { cache: 'no-store' })).json();
    const middle = (before + Date.now()) / 2;
    if (timestamp) cameras.clockOffset = Date.parse(timestamp) - middle;
  } catch {
    // the next connection asks again
  }
}

function showLink(state, word) {
  $('link').dataset.state = state;
  $('link').querySelector('.word').textContent = word;
}

let link = null;

function showBar() {
  const bar = $('bar');
  bar.hidden = !link?.since;
  if (bar.hidden) return;
  const seconds = Math.max(0, Math.ceil((link.nextAt - Date.now()) / 1000));
  const next = seconds > 0 ? `next try in ${seconds} s` : 'trying now';
  bar.textContent = `No connection to the hub since ${timeOf(link.since)}. Attempt ${link.tries} failed, ${next}. What you see is as of then.`;
}

function onState(state, now) {
  link = now;
  cameras.lost = now.since;
  if (state === 'open') {
    showLink('live', 'CONNECTED');
    compareClocks();
    detections.load();
  } else {
    showLink('off', 'DISCONNECTED');
  }
  showBar();
  cameras.refresh();
}

cameras.onrefresh = () => {
  const n = cameras.lost === null ? cameras.tiles.size : 0;
  $('summary').textContent = n ? `${cameras.liveCount} of ${plural(n, 'camera', 'cameras')} live` : '';
};
setInterval(showBar, 500);

new Link(wsUrl, { message: (m) => handlers[m.type]?.(m), state: onState });
cameras.refresh();
