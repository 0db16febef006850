// Photographs the screens of the real program on its simulated board at the kiosk's true size, for the documents.
//   node bench/screens.mjs PROGRAM FOLDER
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rehearse, serve, tell } from './served.mjs';

const [program = '../target/release/statusinator', folder = '../docs/screens'] = process.argv.slice(2);
// A machine that stays silent is explained after a minute, which is long for a picture.
const boards = mkdtempSync(join(tmpdir(), 'statusinator-board-'));
const board = join(boards, 'board.toml');
const usual = readFileSync(new URL('../../boards/simulated.toml', import.meta.url), 'utf8');
writeFileSync(board, usual.replace(/^firmware_silent_s = \d+/m, 'firmware_silent_s = 12'));
const { data, login, url, page, end } = await serve(program, 4, board);

try {
  mkdirSync(folder, { recursive: true });
  const shot = (name) => page.screenshot({ path: join(folder, `${name}.png`) });
  const word = (text) => page.locator('[data-testid="state-word"]', { hasText: text });
  await page.goto(login);
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
  await page
    .getByText(/power board/i)
    .first()
    .waitFor();
  await shot('system');

  await tell(program, data, 'fault', 'no-network-boot', '6');
  await tell(program, data, 'lab', 'start', 'rehearsal');
  await page.goto(`${url}/#/observe/boots/18`);
  await page.getByText('silent since its link came up').first().waitFor({ timeout: 60_000 });
  await shot('boot-verdict');
  await page.goto(`${url}/#/board`);
  await word('stuck').first().waitFor();
  await shot('board-verdict');
} finally {
  await end();
  rmSync(boards, { recursive: true, force: true });
}
