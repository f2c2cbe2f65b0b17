// SPDX-License-Identifier: MIT
// Nothing has called yet: what would be here, and the lines that make it appear.
import { Copyable } from './parts.js';
import { detectionsHref } from './route.js';
import { html } from './vendor/preact.js';

const isHere = ['localhost', '127.0.0.1', '[::1]'].includes(location.hostname);
const isSecure = location.protocol === 'https:';
const usualPort = location.port === '';

export const simLine = `sluice sim glass --url ${isSecure ? 'wss' : 'ws'}://${location.host}/ws`;

export const curlLines = [
  `curl ${location.origin}/defects \\`,
  "  -H 'Content-Type: application/json' \\",
  "  -d '{\"device_id\": \"cam-1\",",
  '       "defect_type": "scratch",',
  "       \"confidence\": 0.87}'",
].join('\n');

const PortNote = () => !usualPort && html`<p class="dim">The newer camera script drops the port and always dials
  ${isSecure ? ' 443' : ' 80'}: let the hub listen there as well
  (<code>--listen</code> may be given twice). The older one keeps the port.</p>`;

const HereNote = () => isHere && html`<p class="dim">For a camera on another machine, put this machine’s address
  in the network in place of <code>${location.hostname}</code>, and let the hub listen on it.</p>`;

export const FirstRun = ({ hasDetections }) => html`<div class="first-run">
  <h1>Waiting for the first camera</h1>
  <p class="lead">Each camera that calls gets a tile here: its picture, how old that is, and what it found last.
    Nothing has to be set up for it; the tile appears by itself.</p>
  ${hasDetections && html`<p>There are detections already: <a href=${detectionsHref()}>see the list</a>.</p>`}
  <ol class="steps">
    <li><h2>Try it with a simulated camera</h2>
      <p>On the machine the hub runs on. It sends ten pictures a second, and a detection now and then.</p>
      <${Copyable} text=${simLine} what="the simulator’s line" /></li>
    <li><h2>Or connect a real one</h2>
      <p>In the camera script’s settings (<code>modules/config.py</code>, or the environment), this hub is the backend:</p>
      <${Copyable} text=${`BACKEND_URL = "${location.origin}"`} what="the camera’s setting" />
      <${HereNote} /><${PortNote} /></li>
    <li><h2>Or send one detection</h2>
      <p>No camera needed: it is stored, and listed under Detections at once.</p>
      <${Copyable} text=${curlLines} what="the request" /></li>
  </ol>
</div>`;
