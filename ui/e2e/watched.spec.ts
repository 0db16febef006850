// What the real program says of its log records, certificates and clock on the simulated board. The tests build on each other.
import type { BrowserContext, Page } from '@playwright/test';
import { SIZES, expectAccessible, expectFits } from './look.ts';
import { expect, freshScreens, ownProgram } from './program.ts';

const test = ownProgram();
test.describe.configure({ mode: 'serial' });

/** Certificates are made and inputs opened at the start; a silence is named within three times the usual pause. */
const SEEN_MS = 30_000;

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

const go = (hash: string) => page.evaluate((to) => (location.hash = to), hash);

test('the board’s certificates were made good before they were needed', async () => {
  await go('#/observe/certificates');
  for (const name of ['boss.local', 'otelcol']) {
    const row = page.locator(`[data-certificate="${name}"]`);
    await expect(row).toHaveAttribute('data-state', 'good', { timeout: SEEN_MS });
    await expect(row).toContainText(/2[34] h \d+ m/);
  }
  await expect(page.getByTestId('headline')).toContainText(/[23] of 3 good/);
  await expect(page.getByTestId('gate')).toContainText('Last start');
  await expect(page.getByTestId('certificates')).toContainText('certificate');
  await expectFits(page, true);
  await expectAccessible(page);
});

test('a certificate is renewed by holding, and says so', async () => {
  await page.locator('[data-certificate="otelcol"]').click();
  await expect(page.getByTestId('certificate-word')).toHaveText('good');
  const main = page.locator('main');
  const print = main.locator('dd').filter({ hasText: /^[0-9a-f:]{64,}$/i });
  const before = await print.textContent();
  await page.getByRole('button', { name: 'Hold: renew now' }).hover();
  await page.mouse.down();
  await expect(page.getByText('It was renewed.')).toBeVisible({ timeout: SEEN_MS });
  await page.mouse.up();
  await expect(print, 'it is another one').not.toHaveText(before ?? '', { timeout: SEEN_MS });
  await expectFits(page, true);
  await expectAccessible(page);
});

test('records flow, and are filtered by the engine', async () => {
  await go('#/observe/signals');
  const records = page.locator('[data-record]');
  await expect(records.first()).toBeVisible({ timeout: SEEN_MS });
  await expect(page.getByTestId('logs')).toContainText(/logs\s+[\d.,]+\/s/);
  const first = await records.first().getAttribute('data-record');
  await expect(records.first(), 'new ones come').not.toHaveAttribute('data-record', first ?? '', {
    timeout: SEEN_MS,
  });
  await page.getByRole('button', { name: 'Pause', exact: true }).click();
  await expectFits(page, true);
  await expectAccessible(page);
  await page.getByRole('button', { name: /Resume/ }).click();
  await page.getByLabel('Search').fill('zebra');
  await expect(page.getByText('No record matches.')).toBeVisible();
  await go('#/observe/signals?pane=counters');
  await expect(page.locator('[data-counter="NumMessages"]')).toHaveText(/^[\d,]+$/);
  await expectFits(page, true);
});

test('a collector that falls silent is named on Board, with what to do, until it speaks again', async ({
  program,
}) => {
  test.setTimeout(3 * SEEN_MS);
  await go('#/board');
  const tile = page.locator('[data-machine="6"]');
  await expect(tile).toBeVisible();
  const place = await tile.boundingBox();
  // Silence is told against a pace, which takes some seconds to be learnt.
  const pace = async () => {
    const answer = await page.request.get(new URL('/api/v1/status', page.url()).href);
    const status = (await answer.json()) as { streams: { name: string; pace: number | null }[] };
    return status.streams.find((stream) => stream.name === 'collector')?.pace ?? null;
  };
  await expect.poll(pace, { timeout: SEEN_MS }).not.toBeNull();
  await program.tell('fault', 'collector-silent');
  const banner = page.getByTestId('silent');
  await expect(banner).toContainText(/Log stream silent for \d+ s: .+ — .+/, { timeout: SEEN_MS });
  expect(await tile.boundingBox(), 'the shelf keeps its place').toEqual(place);
  await expect(page.getByTestId('logs')).toContainText(/silent \d+ s/);
  await expectFits(page, true);
  await expectAccessible(page);
  await banner.click();
  await expect(page.locator('[data-stream="collector"]')).toHaveAttribute('data-state', 'warn');
  await expectAccessible(page);
  await program.tell('fault', 'collector-silent', '--off');
  await expect(page.locator('[data-stream="collector"]')).toHaveAttribute('data-state', 'up', {
    timeout: SEEN_MS,
  });
  await go('#/board');
  await expect(banner).toHaveCount(0);
});

test('what came along after transport is called', async () => {
  await go('#/system/whole');
  await expect(page.getByTestId('rollcall')).toContainText(/\d+ present, \d+ missing, \d+ unknown/);
  await expect(page.locator('[data-place="node1"]')).toBeVisible();
  await expectAccessible(page);
});

test('the controller’s health and its clock are told', async () => {
  await go('#/system/health');
  await expect(page.locator('[data-health="memory"]')).toContainText(/GiB/, { timeout: SEEN_MS });
  await expect(page.getByTestId('clock')).toHaveAttribute('data-trust', /good|unconfirmed/, {
    timeout: SEEN_MS,
  });
  await expectFits(page, true);
  await expectAccessible(page);
});
