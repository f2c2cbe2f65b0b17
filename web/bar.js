// SPDX-License-Identifier: MIT
// What is wrong with the hub or the way to it: thin bars below the header.
import { timeOf } from './format.js';
import { link } from './hub.js';
import { tick, useSource } from './source.js';
import { html } from './vendor/preact.js';

function nextTry() {
  const seconds = Math.ceil((link.nextAt - performance.now()) / 1000);
  const attempt = `attempt ${link.tries}${link.state === 'connecting' ? ' …' : ' failed'}`;
  return link.state === 'connecting' || seconds <= 0 ? `${attempt}, trying now` : `${attempt}, next try in ${seconds} s`;
}

function Reconnecting() {
  if (link.asOf === null || link.tries === 0) return null;
  const also = link.answers === false ? `The hub does not answer: shown is what was at ${timeOf(link.asOf)}, and nothing can be changed.`
    : 'The list of detections and their status still work: they come by HTTP.';
  return html`<div class="bar" id="bar">
    <p role="status"><strong>Cannot connect to backend for live stream.</strong> ${also}</p>
    <p class="try"><span aria-hidden="true">${nextTry()}</span>
      <button type="button" class="plain" onClick=${() => link.retry()}>Try now</button></p>
  </div>`;
}

function Refusing() {
  const health = link.health;
  if (!link.isOpen || health?.status !== 'refusing') return null;
  return html`<div class="bar"><p role="status"><strong>The hub stores nothing new${health.since ? ` since ${timeOf(Date.parse(health.since))}` : ''}.</strong>
    ${' '}${health.reason ?? ''} Pictures still come; devices are told to keep their records.</p></div>`;
}

const Open = () => link.health?.access === 'open' && html`<div class="bar open"><p><strong>Open access:</strong>
  everybody who reaches this address can see and change everything here.</p></div>`;

export function Bars() {
  useSource(tick);
  useSource(link);
  return html`${Reconnecting()}${Refusing()}${Open()}`;
}
