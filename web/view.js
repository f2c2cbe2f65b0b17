// SPDX-License-Identifier: MIT
// A stream's picture on the page: subscribed only while it can be seen.
import { streams } from './hub.js';
import { Picture } from './picture.js';
import { html, useEffect, useRef, useState } from './vendor/preact.js';

const NEAR = '120px'; // a tile is asked for a little before it scrolls into sight

function useIsSeen(ref) {
  const [isSeen, see] = useState(false);
  useEffect(() => {
    const watcher = new IntersectionObserver((entries) => see(entries.at(-1).isIntersecting), { rootMargin: NEAR });
    watcher.observe(ref.current);
    return () => watcher.disconnect();
  }, []);
  return isSeen;
}

// `picture.current` is the Picture, for who wants its numbers. The box around is to be positioned.
export function View({ stream, fps, picture, label, children }) {
  const canvas = useRef(null), who = useRef({}), [, drawn] = useState(0);
  const isSeen = useIsSeen(canvas);
  useEffect(() => {
    const own = new Picture(canvas.current, stream, () => drawn((n) => n + 1));
    picture.current = own;
    return () => own.close();
  }, [stream]);
  useEffect(() => {
    streams.want(who.current, isSeen ? stream : null, fps);
    return () => streams.want(who.current, null);
  }, [stream, isSeen, fps]);
  const words = stream.problem ?? (picture.current?.isBroken ? 'What this camera sends is not a picture the browser can read.'
    : stream.size || stream.last ? null : stream.connected ? 'Waiting for the first picture' : 'No picture');
  return html`<canvas ref=${canvas} width="0" height="0" role="img" aria-label=${label}></canvas>
    ${words && html`<p class="no-picture">${words}</p>`}
    ${children}`;
}
