// The real program's own gear, broken on purpose: what Board, a PC's page and Devices make of it. The tests build on each other.
import type { BrowserContext, Page } from '@playwright/test';
import { SIZES, expectAccessible, expectFits } from './look.ts';
import { expect, freshScreens, ownProgram } from './program.ts';

const test = ownProgram();
test.describe.configure({ mode: 'serial' });

/** A press settles for 5 s before anything is called a mismatch; a loaded machine may need more. */
const SEEN_MS = 20_000;

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

const tile = (box: number) => page.locator(`[data-machine="${box}"]`);
const go = (hash: string) => page.evaluate((to) => (location.hash = to), hash);

test('a PC without a boot has its page, from which it is switched on by holding', async () => {
  await tile(4).click();
  await expect(page).toHaveURL(/#\/machine\/4$/);
  const on = page.getByRole('button', { name: 'Hold: switch on' });
  await expect(on).toHaveAttribute('aria-disabled', 'false');
  await on.hover();
  await page.mouse.down();
  await expect(page.getByText('The press of node4 has begun.')).toBeVisible();
  await page.mouse.up();
  await expect(page.getByTestId('machine-word')).toHaveText('ready', { timeout: SEEN_MS });
  await expect(on).toHaveAccessibleDescription('it is on');
});

test('a relay that sticks ends in a mismatch, which one safe button resolves', async ({ program }) => {
  test.setTimeout(2 * SEEN_MS);
  await program.tell('fault', 'stuck-relay', '4');
  await program.tell('power', 'off', '4');
  await go('#/board');
  await expect(tile(4)).toContainText('Switched off, but it is on', { timeout: SEEN_MS });
  await expectFits(page, true);
  await expectAccessible(page);
  await tile(4).click();
  const mismatch = page.getByTestId('mismatch');
  await expect(mismatch).toContainText('It was switched off and is on');
  await expectFits(page, true);
  await expectAccessible(page);
  const safe = mismatch.getByRole('button').first();
  await expect(safe).toHaveText(/take it as seen/);
  await safe.hover();
  await page.mouse.down();
  await expect(mismatch).toHaveCount(0);
  await page.mouse.up();
  await go('#/board');
  await expect(tile(4)).not.toHaveAttribute('data-mismatch');
});

test('a missing device cannot be overlooked, and comes back by itself', async ({ program }) => {
  test.setTimeout(2 * SEEN_MS);
  await program.tell('fault', 'switch-unplugged');
  await expect(page.locator('header')).toContainText('Switch lost', { timeout: SEEN_MS });
  await expect(tile(4).getByTestId('link-speed'), 'what cannot be seen is unknown').toContainText('link ?');
  await page
    .locator('header')
    .getByRole('link', { name: /Switch lost/ })
    .click();
  await expect(page).toHaveURL(/#\/system\/devices\/switch$/);
  await expect(page.locator('[data-device="switch"]')).toHaveAttribute('data-present', 'false');
  const device = page.getByTestId('device');
  await expect(device).toContainText('lost once');
  await expect(device, 'what failed').toContainText('Read the switch');
  await expect(device, 'what to do').toContainText(/check the device/i);
  await expectFits(page, true);
  await expectAccessible(page);

  await device.getByRole('button', { name: 'Test' }).click();
  await expect(page.getByTestId('answer').getByRole('alert')).toContainText('cannot be reached');
  await expect(page.getByTestId('answer')).toContainText(/The answer took [\d.]+ s/);

  await program.tell('fault', 'switch-unplugged', '--off');
  await expect(page.locator('[data-device="switch"]')).toHaveAttribute('data-present', 'true', {
    timeout: SEEN_MS,
  });
  await device.getByRole('button', { name: 'Test' }).click();
  await expect(page.getByTestId('answer')).toContainText(/8 ports, \d with a link \([\d.]+ s\)/);
});

test('a port is switched off and on by holding, and read back', async () => {
  test.setTimeout(2 * SEEN_MS);
  const port = page.locator('[data-port="3"]');
  await port.click();
  for (const [label, word] of [
    ['Hold: port 3 off', 'off'],
    ['Hold: port 3 on', 'on'],
  ] as const) {
    const button = page.getByRole('button', { name: label });
    await button.hover();
    await page.mouse.down();
    await expect(port.locator('.onoff')).toHaveText(word, { timeout: SEEN_MS });
    await page.mouse.up();
  }
  await expectAccessible(page);
});

test('what the status display shows is seen here too', async () => {
  await page.locator('[data-device="display"]').click();
  const picture = page.getByRole('img', { name: 'What the status display shows' });
  await expect(page.getByText(/drawn \d+ s ago/)).toBeVisible();
  expect(await picture.evaluate((img) => (img as HTMLImageElement).naturalWidth)).toBe(480);
  await expectFits(page, true);
  await expectAccessible(page);
});
