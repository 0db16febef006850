// The real program on its simulated board, for the journeys.
import { test as base, type BrowserContext } from '@playwright/test';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const BINARY =
  process.env.STATUSINATOR ?? new URL('../../target/release/statusinator', import.meta.url).pathname;
/** A simulated boot of 40 s takes two. */
const SPEED = '20';
const START_MS = 20_000;
const STOP_MS = 10_000;

export class Program {
  private child: ChildProcess | null = null;
  /** Address with a login that works once. */
  login = '';
  constructor(private readonly data: string) {}

  async start(listen = '127.0.0.1:0'): Promise<void> {
    if (!existsSync(BINARY)) throw new Error(`${BINARY} is missing: run \`make build\``);
    const args = ['serve', '--board', 'simulated', '--speed', SPEED, '--data', this.data, '--listen', listen];
    const child = spawn(BINARY, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.child = child;
    this.login = await new Promise<string>((resolve, reject) => {
      let [out, err] = ['', ''];
      const late = setTimeout(
        () => reject(new Error(`no address within ${START_MS} ms\n${out}${err}`)),
        START_MS,
      );
      child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
      child.stdout.on('data', (chunk: Buffer) => {
        out += chunk.toString();
        const found = /http:\/\/\S+\/login\?code=\S+/.exec(out);
        if (found === null) return;
        clearTimeout(late);
        resolve(found[0]);
      });
      child.once('error', reject);
      child.once('exit', (code) => {
        clearTimeout(late);
        reject(new Error(`it ended with ${code ?? 'a signal'}\n${out}${err}`));
      });
    });
  }

  /** One command beside the program, to its end; `fault` and the like, which no page has. */
  async tell(...words: string[]): Promise<void> {
    const child = spawn(BINARY, [...words, '--data', this.data], { stdio: ['ignore', 'ignore', 'pipe'] });
    let err = '';
    child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
    const hard = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
    const [code] = (await once(child, 'exit')) as [number | null];
    clearTimeout(hard);
    if (code !== 0) throw new Error(`${words.join(' ')} ended with ${code ?? 'a signal'}\n${err}`);
  }

  get address(): string {
    return new URL(this.login).host;
  }

  /** Ends it, gently or not; returns when it is gone. */
  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    const child = this.child;
    this.child = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill(signal);
    const hard = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
    await gone;
    clearTimeout(hard);
  }
}

/** While the UI is worked on: FRESH=1 takes the screens from dist, not those with which the program was built. */
export async function freshScreens(context: BrowserContext): Promise<void> {
  if (!process.env.FRESH) return;
  const dist = new URL('../dist', import.meta.url).pathname;
  await context.route(/:\d+\/($|\?|#|assets\/)/, async (route) => {
    const { pathname } = new URL(route.request().url());
    const path = dist + (pathname === '/' ? '/index.html' : pathname);
    await (existsSync(path) ? route.fulfill({ path }) : route.continue());
  });
}

/** One program for all tests of a file, in the order in which they stand there; another file has another. */
export const ownProgram = () =>
  base.extend<object, { program: Program }>({
    program: [
      async ({}, use) => {
        const data = await mkdtemp(join(tmpdir(), 'statusinator-e2e-'));
        const program = new Program(data);
        try {
          await program.start();
          await use(program);
        } finally {
          await program.stop();
          await rm(data, { recursive: true, force: true });
        }
      },
      { scope: 'worker', timeout: START_MS + STOP_MS },
    ],
  });
export { expect } from '@playwright/test';
