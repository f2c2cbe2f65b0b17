// SPDX-License-Identifier: MIT
// Times and numbers as people read them.

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false });
const dayAndClock = new Intl.DateTimeFormat(undefined, {
  month: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false });

export const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;

export function timeOf(ms) {
  const d = new Date(ms);
  return d.toDateString() === new Date().toDateString() ? clock.format(d) : dayAndClock.format(d);
}

export function spanOf(ms) {
  const s = Math.max(0, Math.floor(ms / 1000));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor(s % 3600 / 60)} min`;
  return `${Math.floor(s / 86400)} d`;
}

export const percentOf = (x) => Number.isFinite(x) ? `${Math.round(x * 100)} %` : '–';

export function capitalised(text) {
  const t = String(text ?? 'unknown');
  return t.charAt(0).toUpperCase() + t.slice(1).toLowerCase();
}

export const plural = (n, one, many) => `${n.toLocaleString()} ${n === 1 ? one : many}`;
