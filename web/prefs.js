// SPDX-License-Identifier: MIT
// What this browser's reader prefers, kept in it: theme, saver, boxes.
import { Source, useSource } from './source.js';

class Prefs extends Source {
  get(name, usual) {
    try {
      return JSON.parse(localStorage.getItem(`sluice.${name}`)) ?? usual;
    } catch {
      return usual; // no storage here, or not our text
    }
  }

  set(name, value) {
    try {
      localStorage.setItem(`sluice.${name}`, JSON.stringify(value));
    } catch {
      // private windows may refuse: then it holds for this view only
    }
    this.changed();
  }
}

export const prefs = new Prefs();
export const usePref = (name, usual) => useSource(prefs).get(name, usual);

export function showTheme() {
  const theme = prefs.get('theme', 'auto');
  if (theme === 'auto') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}

// Phone data is somebody's money: few pictures unless asked otherwise.
export function isSaving() {
  const link = navigator.connection;
  return prefs.get('saver', Boolean(link?.saveData || link?.type === 'cellular'));
}
