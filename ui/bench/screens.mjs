// Photographs the screens of the real program on its simulated board at the kiosk's true size, for the documents.
//   node bench/screens.mjs PROGRAM FOLDER
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from '@playwright/test';

const [program = '../target/release/statusinator', folder = '../docs/screens'] = process.argv.slice(2);
const data = mkdtempSync(join(tmpdir(), 'statusinator-screens-'));
const served = spawn(
  program,
  ['serve', '--json', '--speed', '4', '--data', data, '--listen', '127.0.0.1:0'],
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

const hello = () =>
  new Promise((resolve, reject) => {
    served.stdout.once('data', (chunk) => resolve(JSON.parse(chunk)));
    served.once('exit', (code) => reject(new Error(`serve ended with ${code}`)));
  });

/** Starts the rehearsal beside the page; resolves when it has ended. */
const rehearse = () =>
  new Promise((resolve, reject) => {
    const run = spawn(program, ['lab', 'start', 'rehearsal', '--wait', '--data', data], { stdio: 'ignore' });
    run.once('exit', (code) =>
      code === 0 ? resolve() : reject(new Error(`the rehearsal ended with ${code}`)),
    );
  });

try {
  const { login, url } = await hello();
  mkdirSync(folder, { recursive: true });
  browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: quiet });
  const page = await browser.newPage({ viewport: { width: 1024, height: 600 } });
  const shot = (name) => page.screenshot({ path: join(folder, `${name}.png`) });
  const word = (text) => page.locator('[data-testid="state-word"]', { hasText: text });
  await page.goto(login);
  await word('unknown').first().waitFor();
  await shot('board-first');
  await rehearse();
  await word('off').nth(5).waitFor();

  const second = rehearse();
  await page.getByText('kernel starts').first().waitFor({ timeout: 30_000 });
  await shot('board');
  await page.goto(`${url}/#/labs/runs/2`);
  await page.getByTestId('run-state').waitFor();
  await page.getByText('power down').first().waitFor();
  await shot('run');
  await second;
  await page.getByRole('link', { name: 'Back to labs' }).click();
  await page.getByRole('button', { name: 'Hold to start' }).waitFor();
  await shot('labs');
  await page.goto(`${url}/#/observe/boots/8`);
  await page.getByTestId('boot-state').waitFor();
  await page.getByTestId('phases').waitFor();
  await shot('boot');
  await page.goto(`${url}/#/observe/events`);
  await page
    .getByText(/run done/i)
    .first()
    .waitFor();
  await shot('events');
  await page.goto(`${url}/#/system`);
  await page
    .getByText(/power board/i)
    .first()
    .waitFor();
  await shot('system');
} finally {
  await browser?.close();
  served.kill('SIGTERM');
  await new Promise((resolve) => (served.exitCode === null ? served.once('exit', resolve) : resolve()));
  rmSync(data, { recursive: true, force: true });
}
