// The real program on its simulated board, from the first look to the restart after a kill. The tests build on each other.
import type { BrowserContext, Page } from '@playwright/test';
import { SIZES, expectAccessible, expectFits, watchShifts } from './look.ts';
import { expect, freshScreens, ownProgram } from './program.ts';

const test = ownProgram();

test.describe.configure({ mode: 'serial' });

const MACHINES = [1, 2, 3, 4, 5, 6];
/** Google's limit for "good" is 0.1; a screen that people read from two metres away should hardly move at all. */
const SHIFT = 0.02;
/** A rehearsal at speed 20 takes seconds; a loaded machine may need more. */
const RUN_MS = 90_000;

let context: BrowserContext;
let page: Page;

test.beforeAll(async ({ browser, program }) => {
  context = await browser.newContext({ viewport: SIZES.kiosk });
  await freshScreens(context);
  page = await context.newPage();
  await page.goto(program.login);
  // Once more without the redirect, which no route of ours would see (freshScreens).
  await page.goto(`http://${program.address}/`);
});
test.afterAll(async () => {
  await context.close();
});

const word = (box: number) => page.locator(`[data-machine="${box}"] [data-testid="state-word"]`);

test('the board shows six machines, and that they are simulated', async () => {
  await expect(page.locator('[data-machine]')).toHaveCount(6);
  for (const box of MACHINES) await expect(word(box)).not.toBeEmpty();
  await expect(page.getByText('SIMULATED', { exact: true })).toBeVisible();
  await expect(page.locator('html')).toHaveAttribute('data-painted-seq', /^\d+$/);
  await expectFits(page, true);
  await expectAccessible(page);
});

test('a rehearsal is started by holding the button', async () => {
  test.setTimeout(RUN_MS);
  await page.getByRole('link', { name: 'Labs', exact: true }).click();
  const button = page.getByRole('button', { name: 'Hold to start' });
  await button.hover();
  await page.mouse.down();
  await expect(page).toHaveURL(/#\/labs\/runs\/\d+$/);
  await page.mouse.up();
  await expect(page.getByTestId('run-state')).toHaveText(/running|done/);
  await expectFits(page, true);
});

test('the run reaches done while hardly anything shifts', async () => {
  test.setTimeout(RUN_MS);
  const shifts = await watchShifts(page);
  await expect(page.getByTestId('run-state')).toHaveText('done', { timeout: RUN_MS });
  const { sum, moved } = await shifts();
  expect(sum, moved.join('\n')).toBeLessThan(SHIFT);
  await expect(page.getByRole('link', { name: 'Back to labs' })).toBeVisible();
  await expectFits(page, true);
  await expectAccessible(page);
});

test('a boot has six phases, each with a length', async () => {
  await page.getByRole('link', { name: 'Board', exact: true }).click();
  for (const box of MACHINES) await expect(word(box)).toHaveText('off');
  await page.locator('[data-machine="1"]').click();
  await expect(page.getByTestId('boot-state')).toHaveAttribute('data-state', 'good');
  const phases = page.getByTestId('phases').locator('[data-phase]');
  await expect(phases).toHaveCount(6);
  expect(await phases.evaluateAll((all) => all.map((one) => one.getAttribute('data-phase')))).toEqual([
    'firmware',
    'address',
    'loader',
    'kernel',
    'os',
    'service',
  ]);
  for (const length of await phases.locator('b').allTextContents()) expect(length).toMatch(/^[\d.:]+( s)?$/);
  for (const pane of ['Events', 'Packets', 'Facts', 'Marks']) {
    await page.locator('main').getByRole('link', { name: pane, exact: true }).click();
    await expect(page.locator('.pane')).not.toBeEmpty();
    await expectFits(page, true);
    await expectAccessible(page);
  }
});

test('events are on record, newest first', async () => {
  await page.getByRole('link', { name: 'Observe', exact: true }).click();
  await expect(page.locator('[data-boot]')).toHaveCount(6);
  await page.locator('main').getByRole('link', { name: 'Events', exact: true }).click();
  await expect(page.locator('ol .kind').filter({ hasText: 'run-ended' })).toHaveCount(1);
  await page.getByLabel('Kind').selectOption('boot-ended');
  await expect(page.locator('ol .kind')).toHaveCount(6);
  await expectAccessible(page);
});

test('System tells what the program consists of', async () => {
  await page.getByRole('link', { name: 'System', exact: true }).click();
  await expect(page.getByRole('heading', { name: 'Services' })).toBeVisible();
  await expectAccessible(page);
});

for (const [name, size] of Object.entries(SIZES)) {
  test(`every view fits a ${name}`, async () => {
    await page.setViewportSize(size);
    for (const path of [
      '#/board',
      '#/labs',
      '#/observe/boots',
      '#/observe/events',
      '#/observe/history',
      '#/system',
    ]) {
      await page.evaluate((hash) => (location.hash = hash), path);
      await expect(page.locator('main > *').first()).toBeVisible();
      await expectFits(page, false);
      await expectAccessible(page);
    }
    await page.setViewportSize(SIZES.kiosk);
  });
}

test('a run is cancelled by holding, and says so', async () => {
  test.setTimeout(RUN_MS);
  await page.evaluate(() => (location.hash = '#/labs'));
  const hold = async (name: string, until: () => Promise<void>) => {
    await page.getByRole('button', { name }).hover();
    await page.mouse.down();
    await until();
    await page.mouse.up();
  };
  await hold('Hold to start', () => expect(page).toHaveURL(/#\/labs\/runs\/\d+$/));
  await hold('Hold to cancel', () => expect(page.getByRole('button', { name: 'cancelling' })).toBeVisible());
  await expect(page.getByTestId('run-state')).toHaveText('cancelled', { timeout: RUN_MS });
  await expect(page.getByRole('link', { name: 'Back to labs' })).toBeVisible();
  await expectAccessible(page);
});

test('a killed engine is told, and a restarted one brings the page back by itself', async ({ program }) => {
  test.setTimeout(RUN_MS);
  await page.evaluate(() => (location.hash = '#/board'));
  const address = program.address;
  await program.stop('SIGKILL');
  await expect(page.getByTestId('link')).toHaveAttribute('data-link', 'lost');
  await expect(page.getByText(/Engine unreachable since \d\d:\d\d:\d\d/)).toBeVisible();
  await expect(page.locator('[data-machine]'), 'the last picture stays').toHaveCount(6);
  await expectAccessible(page);

  await program.start(address);
  // Its logins went with it: until there is a new one the page says how to get it, and nothing is pressed on it.
  await expect(page.getByTestId('link')).toHaveAttribute('data-link', 'login');
  await expectAccessible(page);
  const other = await context.newPage();
  await other.goto(program.login);
  await expect(other.locator('[data-machine]')).toHaveCount(6);
  await other.close();
  await expect(page.getByTestId('link')).toHaveCount(0);
  for (const box of MACHINES) await expect(word(box)).not.toBeEmpty();
});
