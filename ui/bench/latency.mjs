// How long an event takes from its commit to the screen: a rehearsal on the simulated board, watched by a real browser.
// Prints one line of JSON: {"events", "p50_ms", "p95_ms", "max_ms"}. The clock is that of this machine on both sides.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from '@playwright/test';

const program = process.argv[2] ?? '../target/release/statusinator';
const data = mkdtempSync(join(tmpdir(), 'statusinator-latency-'));
const served = spawn(
  program,
  ['serve', '--json', '--speed', '10', '--data', data, '--listen', '127.0.0.1:0'],
  {
    stdio: ['ignore', 'pipe', 'ignore'],
  },
);
const quiet = [
  '--no-sandbox',
  '--disable-quic',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
let browser;

/** The first line of `serve`, or an error when it ends without one. */
function hello() {
  return new Promise((resolve, reject) => {
    let text = '';
    served.stdout.on('data', (chunk) => {
      text += chunk;
      if (text.includes('\n')) resolve(JSON.parse(text.split('\n')[0]));
    });
    served.on('exit', (code) => reject(new Error(`serve ended with ${code}`)));
  });
}

/** Lines of JSON that a command of the program prints. */
function ask(...args) {
  const { status, stdout, stderr } = spawnSync(program, [...args, '--json', '--data', data], {
    encoding: 'utf8',
    timeout: 120_000,
  });
  if (status !== 0) throw new Error(`${args.join(' ')}: ${stderr}`);
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}

const at = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];

try {
  const { login } = await hello();
  browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: quiet });
  const page = await browser.newPage({ viewport: { width: 1024, height: 600 } });
  await page.addInitScript(() => {
    window.painted = [];
    const look = () => {
      const seq = Number(document.documentElement.dataset.paintedSeq);
      if (seq > (window.painted.at(-1)?.[0] ?? 0))
        window.painted.push([seq, performance.timeOrigin + performance.now()]);
    };
    const watch = () => new MutationObserver(look).observe(document.documentElement, { attributes: true });
    if (document.documentElement) watch();
    else document.addEventListener('readystatechange', watch, { once: true });
  });
  await page.goto(login);
  await page.waitForSelector('[data-machine="1"]', { timeout: 20_000 });
  const first = ask('events').at(-1).seq;
  // Beside the page, not before it: the command must not stop the browser's own process.
  await new Promise((resolve, reject) => {
    const run = spawn(program, ['lab', 'start', 'rehearsal', '--wait', '--json', '--data', data], {
      stdio: 'ignore',
    });
    run.on('exit', (code) =>
      code === 0 ? resolve() : reject(new Error(`the rehearsal ended with ${code}`)),
    );
  });
  const events = ask('events', '--since', String(first));
  await page.waitForFunction((seq) => (window.painted.at(-1)?.[0] ?? 0) >= seq, events.at(-1).seq, {
    timeout: 20_000,
  });
  const painted = await page.evaluate(() => window.painted);
  const late = events
    .map(({ seq, at: told }) => painted.find(([reached]) => reached >= seq)[1] - Date.parse(told))
    .sort((a, b) => a - b);
  const round = (ms) => Math.round(ms * 10) / 10;
  console.log(
    JSON.stringify({
      events: late.length,
      p50_ms: round(at(late, 0.5)),
      p95_ms: round(at(late, 0.95)),
      max_ms: round(late.at(-1)),
    }),
  );
} finally {
  await browser?.close();
  served.kill('SIGTERM');
  await new Promise((resolve) => (served.exitCode === null ? served.on('exit', resolve) : resolve()));
  rmSync(data, { recursive: true, force: true });
}
