// SPDX-License-Identifier: MIT
// Where the reader is, kept in the address behind '#', so that every view can be shared:
//   #/   #/camera/<device>   #/detections?device=&status=   #/detections/<id>?device=&status=   #/knocking
//   #/connections?q=&transport=&sort=
import { Source, useSource } from './source.js';

function parse() {
  const [path, query = ''] = location.hash.replace(/^#/, '').split('?');
  const [view = '', ...rest] = path.split('/').filter(Boolean);
  let name = rest.join('/');
  try {
    name = decodeURIComponent(name);
  } catch {
    // a stray %: taken as it is
  }
  return { view: view || 'wall', name, query: Object.fromEntries(new URLSearchParams(query)) };
}

class Route extends Source {
  now = parse();

  constructor() {
    super();
    addEventListener('hashchange', () => {
      this.now = parse();
      this.changed();
    });
  }
}

const route = new Route();

// Which detection is open at this very moment: keys may come faster than views are drawn.
export const openId = () => (parse().view === 'detections' ? parse().name : '');

export const useRoute = () => useSource(route).now;

export const cameraHref = (device) => `#/camera/${encodeURIComponent(device)}`;

export function detectionsHref({ device, status } = {}, id = '') {
  const query = new URLSearchParams();
  if (device) query.set('device', device);
  if (status) query.set('status', status);
  const text = query.toString();
  return `#/detections${id && `/${encodeURIComponent(id)}`}${text && `?${text}`}`;
}

export function connectionsHref(wanted = {}) {
  const text = new URLSearchParams(Object.entries(wanted).filter(([key, value]) => value && !(key === 'sort' && value === 'since'))).toString();
  return `#/connections${text && `?${text}`}`;
}

export function go(href, { replace = false } = {}) {
  if (replace) location.replace(href);
  else location.hash = href;
}
