// The real program on its simulated board, and a browser beside it; both are gone when `end` was awaited.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from '@playwright/test';

// Nothing of the browser's own may look for the internet.
const QUIET = [
  '--no-sandbox',
  '--disable-quic',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Starts `serve` at this speed, with this board, and a browser of the kiosk's size. */
export async function serve(program, speed, board = 'simulated') {
  const data = mkdtempSync(join(tmpdir(), 'statusinator-bench-'));
  const args = ['serve', '--json', '--board', board, '--speed', String(speed), '--data', data];
  args.push('--listen', '127.0.0.1:0');
  const served = spawn(program, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  let browser;
  const end = async () => {
    await browser?.close();
    served.kill('SIGTERM');
    await new Promise((resolve) => (served.exitCode === null ? served.once('exit', resolve) : resolve()));
    rmSync(data, { recursive: true, force: true });
  };
  try {
    const { login, url } = await hello(served);
    browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: QUIET });
    const page = await browser.newPage({ viewport: { width: 1024, height: 600 } });
    return { data, login, url, page, end };
  } catch (error) {
    await end();
    throw error;
  }
}

/** Logs the browser in. */
export async function enter({ page, login, url }) {
  await page.goto(login);
  if (process.env.FRESH) await fresh(page, url);
}

/** FRESH=1 takes the screens from dist, not those with which the program was built. */
async function fresh(page, url) {
  const dist = new URL('../dist', import.meta.url).pathname;
  await page.route(/:\d+\/($|\?|#|assets\/)/, async (route) => {
    const { pathname } = new URL(route.request().url());
    const path = dist + (pathname === '/' ? '/index.html' : pathname);
    await (existsSync(path) ? route.fulfill({ path }) : route.continue());
  });
  await page.goto(`${url}/`);
}

/** The first line of `serve`, or an error when it ends without one. */
function hello(served) {
  return new Promise((resolve, reject) => {
    let text = '';
    served.stdout.on('data', (chunk) => {
      text += chunk;
      if (text.includes('\n')) resolve(JSON.parse(text.split('\n')[0]));
    });
    served.once('exit', (code) => reject(new Error(`serve ended with ${code}`)));
  });
}

/** One command to its end. */
export function tell(program, data, ...words) {
  return new Promise((resolve, reject) => {
    const run = spawn(program, [...words, '--data', data], { stdio: 'ignore' });
    run.once('exit', (code) =>
      code === 0 ? resolve() : reject(new Error(`${words[0]} ended with ${code}`)),
    );
  });
}

/** Runs the rehearsal beside the page, never before it: the command must not stop the browser's own process. */
export function rehearse(program, data) {
  return tell(program, data, 'lab', 'start', 'rehearsal', '--wait');
}
