// Photographs the screens of the real program on its simulated board at the kiosk's true size, for the documents.
//   node bench/screens.mjs PROGRAM FOLDER [labs|gear|watched]
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { enter, rehearse, serve, tell } from './served.mjs';

const [program = '../target/release/statusinator', folder = '../docs/screens', only] = process.argv.slice(2);
// A machine that stays silent is explained after a minute, which is long for a picture.
const boards = mkdtempSync(join(tmpdir(), 'statusinator-board-'));
const board = join(boards, 'board.toml');
const usual = readFileSync(new URL('../../boards/simulated.toml', import.meta.url), 'utf8');
writeFileSync(board, usual.replace(/^firmware_silent_s = \d+/m, 'firmware_silent_s = 12'));

mkdirSync(folder, { recursive: true });

/** A lab from its first start to a machine that does not boot. */
async function labs({ data, url, page }) {
  const shot = (name) => page.screenshot({ path: join(folder, `${name}.png`) });
  const word = (text) => page.locator('[data-testid="state-word"]', { hasText: text });
  await word('unknown').first().waitFor();
  await shot('board-first');
  await rehearse(program, data);
  await word('off').nth(5).waitFor();

  const second = rehearse(program, data);
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
  await page.locator('#engine').waitFor();
  await shot('system');

  await tell(program, data, 'fault', 'no-network-boot', '6');
  await tell(program, data, 'lab', 'start', 'rehearsal');
  await page.goto(`${url}/#/observe/boots/18`);
  await page.getByText('silent since its link came up').first().waitFor({ timeout: 60_000 });
  await shot('boot-verdict');
  await page.goto(`${url}/#/board`);
  await word('stuck').first().waitFor();
  await shot('board-verdict');
}

/** The gear around the machines, with some of it broken. */
async function gear({ data, url, page }) {
  const shot = (name) => page.screenshot({ path: join(folder, `${name}.png`) });
  const word = (text) => page.locator('[data-testid="state-word"]', { hasText: text });
  // Before its relay board has said what it remembers, nothing is pressed.
  await word('off').nth(5).waitFor();
  for (const box of ['1', '3', '4', '5']) await tell(program, data, 'power', 'on', box);
  await word('ready').nth(3).waitFor({ timeout: 60_000 });
  // One relay that no longer moves, and one cord that is out: the two ways in which told and seen come apart.
  await tell(program, data, 'fault', 'stuck-relay', '4');
  await tell(program, data, 'fault', 'cord-pulled', '3');
  await tell(program, data, 'power', 'off', '4');
  await page.locator('[data-mismatch]').nth(1).waitFor({ timeout: 60_000 });
  await shot('board-mismatch');
  await page.goto(`${url}/#/machine/4`);
  await page.getByTestId('mismatch').waitFor();
  await shot('machine-mismatch');

  await page.goto(`${url}/#/system/devices/display`);
  await page.getByText(/drawn \d+ s ago/).waitFor();
  await shot('display');

  await tell(program, data, 'fault', 'switch-unplugged');
  await page.goto(`${url}/#/board`);
  await page.getByText('Switch lost').first().waitFor({ timeout: 30_000 });
  await page.goto(`${url}/#/system/devices`);
  await page.locator('[data-present="false"]').waitFor();
  // Until its last reading is too old to be taken for the present.
  await page.getByText(/^\d+ s old$/).waitFor({ timeout: 30_000 });
  await shot('devices');
}

/** Log records, certificates, and a stream that falls silent. */
async function watched({ data, url, page }) {
  const shot = (name) => page.screenshot({ path: join(folder, `${name}.png`) });
  await page.goto(`${url}/#/observe/certificates`);
  await page.locator('[data-certificate="otelcol"][data-state="good"]').waitFor({ timeout: 60_000 });
  await page.locator('[data-certificate="wally"]').waitFor();
  await shot('certificates');
  await page.goto(`${url}/#/observe/signals`);
  await page.locator('[data-record]').nth(5).waitFor({ timeout: 30_000 });
  // Until a rate over ten seconds is one.
  await page.waitForTimeout(10_000);
  await shot('signals');
  await tell(program, data, 'fault', 'collector-silent');
  await page.goto(`${url}/#/board`);
  await page.getByTestId('silent').waitFor({ timeout: 90_000 });
  await shot('silent');
}

try {
  for (const [scenes, on] of [
    [labs, board],
    [gear, 'simulated'],
    [watched, 'simulated'],
  ]) {
    if (only !== undefined && only !== scenes.name) continue;
    const served = await serve(program, 4, on);
    try {
      await enter(served);
      await scenes(served);
    } finally {
      await served.end();
    }
  }
} finally {
  rmSync(boards, { recursive: true, force: true });
}
