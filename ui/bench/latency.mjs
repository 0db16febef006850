// How long an event takes from its stamp to the screen: a rehearsal on the simulated board, watched by a real browser.
// Prints one line of JSON: {"events", "p50_ms", "p95_ms", "max_ms"}. The clock is that of this machine on both sides.
import { spawnSync } from 'node:child_process';
import { rehearse, serve } from './served.mjs';

const program = process.argv[2] ?? '../target/release/statusinator';
const { data, login, page, end } = await serve(program, 10);

/** Events after this number, as the command line prints them. */
function events(since) {
  const args = ['events', '--since', String(since), '--json', '--data', data];
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', timeout: 60_000 });
  if (status !== 0) throw new Error(stderr);
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}

const at = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
const round = (ms) => Math.round(ms * 10) / 10;

try {
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
  const first = events(0).at(-1).seq;
  await rehearse(program, data);
  const told = events(first);
  const last = told.at(-1).seq;
  await page.waitForFunction((seq) => (window.painted.at(-1)?.[0] ?? 0) >= seq, last, { timeout: 20_000 });
  const painted = await page.evaluate(() => window.painted);
  const late = told
    .map((event) => painted.find(([seq]) => seq >= event.seq)[1] - Date.parse(event.at))
    .sort((a, b) => a - b);
  const [p50_ms, p95_ms] = [0.5, 0.95].map((share) => round(at(late, share)));
  console.log(JSON.stringify({ events: late.length, p50_ms, p95_ms, max_ms: round(late.at(-1)) }));
} finally {
  await end();
}
