// Where the visitor is: the fragment of the address, so that any server can serve the page and "back" works.

export interface Place {
  view:
    | 'board'
    | 'machine'
    | 'labs'
    | 'run'
    | 'boots'
    | 'boot'
    | 'events'
    | 'history'
    | 'certificates'
    | 'certificate'
    | 'signals'
    | 'live'
    | 'system'
    | 'devices'
    | 'health'
    | 'wifi'
    | 'whole';
  id: number | null;
  /** The device or the certificate that is looked at. */
  name?: string;
  query: URLSearchParams;
}

export function parse(hash: string): Place {
  const [path = '', query = ''] = hash.replace(/^#/, '').split('?');
  const [first, second, third] = path.split('/').filter((part) => part !== '');
  const place = (view: Place['view'], id: number | null = null): Place => ({
    view,
    id,
    query: new URLSearchParams(query),
  });
  const number = (text: string | undefined) =>
    text !== undefined && /^\d+$/.test(text) ? Number(text) : null;
  if (first === 'labs') {
    const run = second === 'runs' ? number(third) : null;
    return run === null ? place('labs') : place('run', run);
  }
  if (first === 'observe') {
    if (second === 'events' || second === 'history' || second === 'signals') return place(second);
    if (second === 'certificates') {
      return third === undefined ? place(second) : { ...place('certificate'), name: plain(third) };
    }
    const boot = number(third);
    return boot === null ? place('boots') : place('boot', boot);
  }
  if (first === 'machine') {
    const box = number(second);
    return box === null ? place('board') : place('machine', box);
  }
  if (first === 'live') return place('live');
  if (first !== 'system') return place('board');
  if (second === 'devices') {
    return third === undefined ? place('devices') : { ...place('devices'), name: plain(third) };
  }
  return place(second === 'wifi' || second === 'whole' || second === 'health' ? second : 'system');
}

/** An address typed by hand may hold what is no name. */
function plain(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export const to = {
  board: '#/board',
  /** By its box, which is what stands on the shelf. */
  machine: (box: number) => `#/machine/${box}`,
  labs: '#/labs',
  run: (id: number) => `#/labs/runs/${id}`,
  boots: (machine?: string) =>
    `#/observe/boots${machine === undefined ? '' : `?machine=${encodeURIComponent(machine)}`}`,
  boot: (id: number, pane?: string) => `#/observe/boots/${id}${pane === undefined ? '' : `?pane=${pane}`}`,
  events: '#/observe/events',
  history: '#/observe/history',
  certificates: '#/observe/certificates',
  certificate: (name: string) => `#/observe/certificates/${encodeURIComponent(name)}`,
  signals: (pane?: string) => `#/observe/signals${pane === undefined ? '' : `?pane=${pane}`}`,
  live: '#/live',
  system: '#/system',
  health: '#/system/health',
  devices: (name?: string) => `#/system/devices${name === undefined ? '' : `/${encodeURIComponent(name)}`}`,
  wifi: '#/system/wifi',
  whole: '#/system/whole',
};

/** The same place with one value of its query set, or taken away. */
export function withQuery(hash: string, query: URLSearchParams, key: string, value: string): string {
  const changed = new URLSearchParams(query);
  if (value === '') changed.delete(key);
  else changed.set(key, value);
  const text = changed.toString();
  return text === '' ? hash : `${hash}?${text}`;
}
