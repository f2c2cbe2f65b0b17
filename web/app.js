// SPDX-License-Identifier: MIT
// The page: header, bars, and the view that the address names.
import { Bars } from './bar.js';
import { Camera } from './camera.js';
import { Connections } from './connections.js';
import { Detections } from './detections.js';
import { Header } from './header.js';
import { link } from './hub.js';
import { Knocking } from './knocking.js';
import { showTheme } from './prefs.js';
import { useRoute } from './route.js';
import { Toast } from './toast.js';
import { html, render, useEffect, useErrorBoundary, useRef } from './vendor/preact.js';
import { Wall } from './wall.js';

const VIEWS = { wall: Wall, camera: Camera, detections: Detections, knocking: Knocking, connections: Connections };
const TITLES = { wall: () => 'Live', camera: (name) => name, detections: () => 'Detections', knocking: () => 'Knocking',
  connections: () => 'Connections' };

const Lost = () => html`<div class="note"><p><strong>There is no such view.</strong> <a href="#/">To the cameras</a></p></div>`;

function Broken({ error, again }) {
  return html`<div class="note error" role="alert"><p><strong>This view stopped working.</strong> Loading the page again helps in most cases.
    <code>${String(error?.message ?? error)}</code></p><button type="button" class="plain" onClick=${again}>Try again</button></div>`;
}

function App() {
  const { view, name, query } = useRoute();
  const [error, again] = useErrorBoundary((e) => console.error(e));
  const main = useRef(null), isFirst = useRef(true);
  const View = VIEWS[view] ?? Lost;
  const place = view === 'camera' ? `camera ${name}` : view; // details open within their list
  useEffect(() => {
    document.title = `${TITLES[view]?.(name) ?? 'Sluice'} – Sluice`;
  }, [view, name]);
  useEffect(() => {
    if (!isFirst.current) {
      scrollTo(0, 0);
      main.current.focus({ preventScroll: true });
    }
    isFirst.current = false;
  }, [place]);
  const skip = (event) => {
    event.preventDefault(); // the address is the view's
    main.current.focus();
  };
  return html`<a class="skip" href="#/" onClick=${skip}>Skip to the view</a>
    <${Header} view=${view} />
    <${Bars} />
    <main ref=${main} tabindex="-1">
      ${error ? html`<${Broken} error=${error} again=${again} />`
        : html`<${View} key=${place} device=${name} selected=${name} query=${query} />`}
    </main>
    <footer class="dim"><span>Sluice ${link.version ?? ''}</span> <a href="/app/licences.txt">Licences</a></footer>
    <${Toast} view=${view} name=${name} />`;
}

showTheme();
document.getElementById('app').replaceChildren();
render(html`<${App} />`, document.getElementById('app'));
