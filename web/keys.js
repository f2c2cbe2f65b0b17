// SPDX-License-Identifier: MIT
// The list by keyboard: j, k and the arrows move, Enter opens, Esc closes.
import { go, openId } from './route.js';
import { useEffect, useRef } from './vendor/preact.js';

const STEP = { j: 1, ArrowDown: 1, ArrowRight: 1, k: -1, ArrowUp: -1, ArrowLeft: -1 };

const linkOf = (id) => document.querySelector(`.rows a[data-id="${CSS.escape(id)}"]`);
const isTyping = (target) => target.closest('input, select, textarea, [contenteditable]') !== null;

// Whichever way a detail was closed: the row it belongs to has the focus again.
export function useReturn(selected) {
  const last = useRef('');
  useEffect(() => {
    if (selected === '' && last.current) linkOf(last.current)?.focus({ preventScroll: true });
    last.current = selected;
  }, [selected]);
}

export function useKeys({ rows, hrefOf, back }) {
  useEffect(() => {
    const onKey = (event) => {
      const selected = openId();
      if (event.ctrlKey || event.altKey || event.metaKey || isTyping(event.target)) return;
      if (event.key === 'Escape' && selected) {
        go(back);
        return;
      }
      const step = STEP[event.key];
      if (!step || rows.length === 0) return;
      if (!selected && /Left|Right/.test(event.key)) return; // these are for details
      const focused = document.activeElement?.dataset?.id;
      const at = rows.findIndex((row) => row.id === (selected || focused));
      const row = rows[at < 0 ? 0 : at + step];
      event.preventDefault();
      if (!row) return;
      if (selected) go(hrefOf(row), { replace: true });
      linkOf(row.id)?.focus({ preventScroll: false });
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  });
}
