// A development aid, never shipped: a made-up board behind /api, so that screens can be looked at in states that are hard to
// bring about, without a program to run. What it says has nothing to do with how the engine works.
//
//   MOCK=run npm run dev            the state for all pages
//   cookie `mock=fault`             the state for one browser; `mock=fault.7` is another board in the same state, which is
//                                   what the tests use, since boards go on while nobody looks
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Plugin } from 'vite';
import { newest, passes, recordOf } from './logs.ts';
import { STATES, type Scene } from './records.ts';
import { World } from './scenes.ts';

/** The policy under which the program serves the UI; the built page must live with it here too. */
export const POLICY =
  "default-src 'self'; style-src-attr 'unsafe-inline'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/** One dark dot, which the page stretches to the display's size. */
const PICTURE = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNgEFb7DwABnAE7kQ0X1gAAAABJRU5ErkJggg==',
  'base64',
);

const TICK_MS = 2_000;
const PUSH_MS = 500;

export function mockBoard(fallback: string): Plugin {
  const worlds = new Map<string, World>();
  const boardOf = (request: IncomingMessage): [Scene, World] => {
    const [, name = fallback, board = ''] =
      /(?:^|; )mock=([a-z]+)(\.\d+)?/.exec(request.headers.cookie ?? '') ?? [];
    const scene = STATES.find((state) => state === name) ?? 'normal';
    const world = worlds.get(scene + board) ?? new World(scene);
    worlds.set(scene + board, world);
    return [scene, world];
  };
  const handle = (request: IncomingMessage, response: ServerResponse, next: () => void) => {
    const url = new URL(request.url ?? '/', 'http://mock');
    response.setHeader('content-security-policy', POLICY);
    if (url.pathname.startsWith('/gateway/')) return answer(response, 404, {});
    if (!url.pathname.startsWith('/api/v1/')) return next();
    const [scene, world] = boardOf(request);
    if (scene === 'lost')
      return answer(
        response,
        502,
        refusal('engine-stopped', 'forward this request', 'nothing listens there'),
      );
    if (scene === 'login')
      return answer(response, 401, refusal('unauthorized', 'show the board', 'there is no login'));
    const path = url.pathname.slice('/api/v1'.length);
    if (path === '/stream') return stream(world, request, response);
    if (path === '/logs/stream') return logs(world, url.searchParams, request, response);
    if (path === '/display.png') {
      response.setHeader('content-type', 'image/png').end(PICTURE);
      return;
    }
    const found = world.answer(request.method ?? 'GET', path, url.searchParams);
    if (found === null)
      return answer(response, 404, refusal('not-found', `find ${path}`, 'there is no such thing'));
    return answer(response, found.status, found.body);
  };
  return {
    name: 'mock-board',
    configureServer: (server) => void server.middlewares.use(handle),
    configurePreviewServer: (server) => void server.middlewares.use(handle),
  };
}

const refusal = (code: string, what: string, why: string) => ({
  error: { code, what, why, remedy: 'This is a made-up board; choose another state.' },
});

function answer(response: ServerResponse, status: number, body: unknown): void {
  response.statusCode = status;
  response.setHeader('content-type', 'application/json').end(JSON.stringify(body));
}

function stream(world: World, request: IncomingMessage, response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  const send = (type: string, data: unknown, id?: number) =>
    response.write(
      `${id === undefined ? '' : `id: ${id}\n`}event: ${type}\ndata: ${JSON.stringify(data)}\n\n`,
    );
  let seq = world.status().seq;
  const push = () => {
    const status = world.status();
    if (status.seq === seq) return;
    for (const event of world.events(seq)) send('event', event, event.seq);
    seq = status.seq;
    send('status', status);
  };
  send('status', world.status());
  const timers = [
    setInterval(push, PUSH_MS),
    setInterval(() => send('tick', { now: new Date().toISOString() }), TICK_MS),
  ];
  request.on('close', () => timers.forEach(clearInterval));
}

function logs(
  world: World,
  query: URLSearchParams,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  // A browser calls the stream open only when something has come.
  const send = (type: string, data: unknown) =>
    response.write(`event: ${type}\ndata: ${JSON.stringify(data)}\n\n`);
  send('tick', {});
  let last = newest(world.scene, world.t0);
  const push = () => {
    const now = newest(world.scene, world.t0);
    for (let id = last + 1; id <= now; id += 1) {
      const record = recordOf(world.scene, id, world.t0);
      if (passes(record, query)) send('record', record);
    }
    last = now;
  };
  const timers = [setInterval(push, 50), setInterval(() => send('tick', {}), TICK_MS)];
  request.on('close', () => timers.forEach(clearInterval));
}
