// SPDX-License-Identifier: MIT
// Times and numbers as people read them.

const time = { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' };
const clock = new Intl.DateTimeFormat(undefined, time);
const dayAndClock = new Intl.DateTimeFormat(undefined, { month: 'short', day: 'numeric', ...time });
const whole = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium', hourCycle: 'h23' });

export const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;

// "10:02:03", with the day in front if that is not today's.
export function timeOf(ms) {
  if (!Number.isFinite(ms)) return '–';
  const d = new Date(ms);
  return d.toDateString() === new Date().toDateString() ? clock.format(d) : dayAndClock.format(d);
}

export const clockOf = (ms) => Number.isFinite(ms) ? clock.format(new Date(ms)) : '–';
export const dateAndTime = (ms) => Number.isFinite(ms) ? whole.format(new Date(ms)) : '–';

export function spanOf(ms) {
  const s = Math.max(0, Math.floor(ms / 1000));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor(s % 3600 / 60)} min`;
  return `${Math.floor(s / 86400)} d`;
}

// The age of a picture: short ones in tenths, for that is what "live" is about.
export const ageOf = (ms) => ms < 10000 ? `${(Math.max(0, ms) / 1000).toFixed(1)} s` : spanOf(ms);

export const rateOf = (fps) => fps > 0 && fps < 3 ? fps.toFixed(1) : String(Math.round(fps));
export const percentOf = (x) => Number.isFinite(x) ? `${Math.round(x * 100)} %` : '–';
export const numberOf = (n) => n.toLocaleString();

export function capitalised(text) {
  const t = String(text ?? 'unknown');
  return t.charAt(0).toUpperCase() + t.slice(1).toLowerCase();
}

// Steps of a thousand; 1.2 MB, 34 KB, 210 B.
export function bytesOf(n) {
  const step = [['GB', 1e9], ['MB', 1e6], ['KB', 1e3]].find(([, size]) => n >= size);
  if (!step) return `${n} B`;
  const value = n / step[1];
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${step[0]}`;
}

export const plural = (n, one, many) => `${numberOf(n)} ${n === 1 ? one : many}`;
