// Every screen in every state that it can be in, before a made-up board (dev/mock.ts): states that the real one is rarely in.
import { test as base, expect, type Page } from '@playwright/test';
import type { AddressInfo } from 'node:net';
import { preview } from 'vite';
import { mockBoard } from '../dev/mock.ts';
import { SIZES, expectAccessible, expectFits, expectTouchable, watchShifts } from './look.ts';

/** Each test has a board of its own. */
let boards = 0;

const test = base.extend<{ open: (state: string, path: string) => Promise<void> }, { origin: string }>({
  origin: [
    async ({}, use) => {
      const server = await preview({
        configFile: false,
        logLevel: 'error',
        plugins: [mockBoard('normal')],
        preview: { port: 0, host: '127.0.0.1' },
      });
      await use(`http://127.0.0.1:${(server.httpServer.address() as AddressInfo).port}`);
      await server.close();
    },
    { scope: 'worker' },
  ],
  open: async ({ page, context, origin }, use) => {
    const refused: string[] = [];
    page.on('pageerror', (error) => refused.push(error.message));
    page.on('console', (message) => {
      if (/Content Security Policy/i.test(message.text())) refused.push(message.text());
    });
    await use(async (state, path) => {
      await context.addCookies([{ name: 'mock', value: `${state}.${(boards += 1)}`, url: origin }]);
      await page.goto(`${origin}/${path}`);
    });
    expect(refused, 'errors of the page, and what its policy refused').toEqual([]);
  },
});

/** state, address, what shows that it has arrived, whether main must not scroll at 1024×600. */
const SCREENS: [string, string, string, boolean][] = [
  ['normal', '#/board', '[data-machine="6"]', true],
  ['idle', '#/board', '[data-machine="6"]', true],
  ['booting', '#/board', '[data-machine="6"]', true],
  ['fault', '#/board', '[data-machine="6"]', true],
  ['empty', '#/board', '[data-machine="6"]', true],
  ['run', '#/board', '[data-machine="6"]', true],
  ['normal', '#/labs', '[data-lab="rehearsal"]', true],
  ['empty', '#/labs', '[data-lab="rehearsal"]', true],
  ['fault', '#/labs', '[data-lab="rehearsal"]', true],
  ['run', '#/labs', '[data-testid="run-state"]', true],
  ['done', '#/labs/runs/31', '[data-testid="run-state"]', true],
  ['failed', '#/labs/runs/31', '[data-testid="run-state"]', true],
  ['normal', '#/labs/runs/9999', '[role="alert"]', true],
  ['normal', '#/observe/boots', '[data-boot="206"]', true],
  ['empty', '#/observe/boots', 'main select', true],
  ['normal', '#/observe/boots/206', '[data-testid="boot-state"]', true],
  ['normal', '#/observe/boots/206?pane=packets', '[data-testid="boot-state"]', true],
  ['normal', '#/observe/boots/206?pane=facts', '[data-testid="boot-state"]', true],
  ['booting', '#/observe/boots/205?pane=events', '[data-testid="boot-state"]', true],
  ['fault', '#/observe/boots/206', '[data-testid="verdict"]', true],
  ['common', '#/board', '[data-testid="common"]', true],
  ['common', '#/observe/boots/204', '[data-testid="verdict"]', true],
  ['normal', '#/observe/events', 'ol button', true],
  ['normal', '#/observe/history', '[data-way="owner"]', true],
  ['empty', '#/observe/history', '[data-testid="nothing-measured"]', true],
  ['wiping', '#/board', '[data-machine="6"]', true],
  ['wiping', '#/observe/boots/201', '[data-testid="disks"]', true],
  ['wiping', '#/observe/boots/204', '[data-testid="disks"]', true],
  ['normal', '#/system', '#engine', false],
  ['fault', '#/system', '#engine', false],
  ['empty', '#/system', '#engine', false],
  ['gear', '#/board', '[data-mismatch]', true],
  ['gear', '#/machine/4', '[data-testid="mismatch"]', true],
  ['gear', '#/system/devices', '[data-present="false"]', true],
  ['normal', '#/system/devices/power', '[data-testid="device"] li', true],
  ['normal', '#/system/wifi', '#networks', true],
  ['expired', '#/observe/certificates', '[data-certificate="wally"]', true],
  ['many', '#/observe/certificates', '[data-certificate="registry"]', true],
  ['behind', '#/observe/certificates', '[data-testid="clock-first"]', true],
  ['expired', '#/observe/certificates/otelcol', '[data-testid="certificate-word"]', true],
  ['normal', '#/observe/signals', '[data-record]', true],
  ['normal', '#/observe/signals?pane=counters', '[data-group="levels"]', true],
  ['silent', '#/observe/signals?pane=streams', '[data-stream="collector"]', true],
  ['silent', '#/board', '[data-testid="silent"]', true],
  ['silent', '#/system/health', '[data-health="disk"]', true],
  ['fault', '#/live', '[data-key]', true],
  ['stranger', '#/system/whole', '[data-testid="new-machine"]', false],
  ['lost', '#/board', '[data-link="lost"]', true],
  ['login', '#/board', '[data-link="login"]', true],
];

for (const [state, path, arrived, still] of SCREENS) {
  test(`${state} ${path}`, async ({ page, open }) => {
    await open(state, path);
    await expect(page.locator(arrived).first()).toBeAttached();
    for (const [name, size] of Object.entries(SIZES)) {
      await test.step(name, async () => {
        await page.setViewportSize(size);
        await expectFits(page, still && name === 'kiosk');
        await expectTouchable(page);
        await expectAccessible(page);
      });
    }
  });
}

test('a look at the machine’s own screen is told by one touch', async ({ page, open }) => {
  await open('fault', '#/observe/boots/206');
  const card = page.getByTestId('verdict');
  await expect(card).toContainText('Silent since its link came up');
  await expect(card).toHaveAttribute('data-code', 'silent-after-link');
  const asked = page.waitForRequest((request) => request.url().endsWith('/machines/node6/screen'));
  await card.getByRole('button', { name: 'It shows a system' }).click();
  expect((await asked).postDataJSON()).toEqual({ answer: 'shows-system' });
  await expect(card).toContainText('Somebody looked: it shows a system.');
  await expect(card.getByRole('button')).toHaveCount(0);
});

test('System tells what is in trouble and who else answers', async ({ page, open }) => {
  await open('fault', '#/system');
  const troubles = page.getByTestId('troubles').getByRole('listitem');
  await expect(troubles).toHaveCount(3);
  await expect(troubles.nth(0)).toContainText('Another dhcp server, 192.168.122.9');
  await expect(troubles.nth(0)).toContainText('for 2 h');
  await expect(troubles.nth(1)).toContainText('Serve the image of talos');
  await expect(troubles.nth(1)).toContainText('for 4 min');
  await expect(troubles.nth(2)).toContainText('Make `pool` in the board file larger');
});

test('System says nothing of troubles when there are none', async ({ page, open }) => {
  await open('normal', '#/system');
  await expect(page.locator('#engine')).toBeVisible();
  await expect(page.getByTestId('troubles')).toHaveCount(0);
});

test('measured boots stand beside each other, the newest first', async ({ page, open }) => {
  await open('normal', '#/observe/history');
  const rows = page.locator('tr[data-way]');
  await expect(rows).toHaveCount(4);
  await expect(rows.nth(0)).toContainText('The owner’s way');
  await expect(rows.nth(0)).not.toContainText('×');
  await expect(rows.nth(1)).toContainText('0.29 ×');
  await expect(rows.nth(2)).toContainText('2 of 3');
  await expect(rows.nth(3)).toContainText('PC 2');
  await expect(rows.nth(3), 'no owner’s way was measured with it').not.toContainText('×');
});

test('a machine that is erased says so, for how long, and how it ended', async ({ page, open }) => {
  await open('wiping', '#/board');
  await expect(stateWord(page, 1)).toHaveText('wiping');
  const tile = (box: number) => page.locator(`[data-machine="${box}"]`);
  await expect(tile(1)).toContainText(/Erases sda, nvme0n1 for \d+ s; do not switch it off/);
  await expect(tile(2)).toContainText('Its next boot erases all its disks');
  await expect(tile(3)).toContainText('Erased sda, nvme0n1');
  await expect(stateWord(page, 4)).toHaveText('not wiped');
  await expect(tile(5)).toContainText('Went off while it erased sda, nvme0n1');
  const said = async (box: number, words: RegExp) => {
    await tile(box).click();
    await expect(page.getByTestId('disks')).toContainText(words);
    await page.goBack();
  };
  await tile(1).click();
  await expect(page.getByTestId('disks')).toContainText(/began \d\d:\d\d:\d\d, \d+ s ago/);
  await expect(page.getByRole('button', { name: 'Hold: erase at next boot' })).toHaveCount(0);
  await page.goBack();
  await said(3, /Its wiper, \d\d:\d\d:\d\d: erased sda, nvme0n1\./);
  await said(4, /not erased: nvme0n1 .*sector 2048/);
  await said(5, /may be half erased/);
});

const stateWord = (page: Page, box: number) =>
  page.locator(`[data-machine="${box}"] [data-testid="state-word"]`);

test('told and seen that differ lead from the tile to the safe button', async ({ page, open }) => {
  await open('gear', '#/board');
  const tile = page.locator('[data-machine="1"]');
  await expect(tile).toContainText('Switched off, but it is on');
  await expect(stateWord(page, 1), 'the machine keeps its own state').toHaveText('ready');
  await tile.click();
  await expect(page).toHaveURL(/#\/machine\/1$/);
  const buttons = page.getByTestId('mismatch').getByRole('button');
  await expect(buttons).toHaveText([/take it as seen/, /long press/]);
  await buttons.first().hover();
  await page.mouse.down();
  await expect(page.getByRole('alert'), 'a refusal is told beside the buttons').toContainText(
    'this is a made-up board',
  );
  await page.mouse.up();
});

test('on a watched board every button says why it does nothing', async ({ page, open }) => {
  await open('watch', '#/machine/1');
  await expect(page.getByText('WATCH ONLY', { exact: true })).toBeVisible();
  const off = page.getByRole('button', { name: 'Hold: switch off' });
  await expect(off).toHaveAttribute('aria-disabled', 'true');
  await expect(off).toHaveAccessibleDescription('this board is only watched');
  await page.evaluate(() => (location.hash = '#/labs'));
  const start = page.getByRole('button', { name: 'Hold to start' });
  await expect(start).toHaveAccessibleDescription('this board is only watched');
});

test('old readings of the switch are greyed and say their age', async ({ page, open }) => {
  await open('gear', '#/system/devices');
  await expect(page.getByTestId('device')).toContainText(/Ports\s+\d+ s old/);
  await page.locator('[data-port="7"]').click();
  await expect(page.getByTestId('port-act')).toContainText('never switched from here');
  await expect(page.getByTestId('port-act').getByRole('button')).toHaveCount(0);
});

test('a network is joined with its password, and that is told', async ({ page, open }) => {
  await open('normal', '#/system/wifi');
  await page.getByRole('button', { name: 'Look for networks' }).click();
  await expect(page.locator('[data-network]')).toHaveCount(3);
  await page.locator('[data-network="Conference"]').click();
  const join = page.getByRole('button', { name: 'Join Conference' });
  await expect(join).toBeDisabled();
  await page.getByLabel('Password').fill('correct horse');
  await expectAccessible(page);
  const asked = page.waitForRequest((request) => request.url().endsWith('/router/join'));
  await join.click();
  expect((await asked).postDataJSON()).toEqual({ ssid: 'Conference', password: 'correct horse' });
  await expect(page.getByText('Joined Conference, address 192.168.44.7.')).toBeVisible();
  await expect(page.getByLabel('Password')).toHaveValue('');
});

test('certificates tell what expires, what is late, and what to do', async ({ page, open }) => {
  await open('expired', '#/observe/certificates');
  await expect(page.getByTestId('headline')).toContainText(
    /4 of 6 good · 1 expired\s*· 1 late\s*· CA silent for 52 min\s*· clock in step \(4 ms\)/,
  );
  await expect(page.getByTestId('certificates')).toContainText('1 certificate expired');
  const row = (name: string) => page.locator(`[data-certificate="${name}"]`);
  await expect(row('otelcol')).toContainText(/renewal is 50 min late: CA did not answer, next try \d\d:\d\d/);
  await expect(row('wally')).toContainText('expired 2 d ago');
  await expect(page.getByTestId('gate')).toContainText('6 certificates renewed in 1.9 s');
  await page.getByRole('button', { name: 'Check all now' }).click();
  await expect(page.getByRole('alert')).toContainText('CA did not answer');
  await row('otelcol').click();
  await expect(page).toHaveURL(/#\/observe\/certificates\/otelcol$/);
  const asked = page.waitForRequest((request) => request.url().endsWith('/certificates/otelcol/renew'));
  await page.getByRole('button', { name: 'Hold: renew now' }).hover();
  await page.mouse.down();
  await asked;
  await expect(page.getByRole('alert')).toContainText('Look whether step-ca runs');
  await page.mouse.up();
});

test('a clock that is not right is named before any certificate', async ({ page, open }) => {
  await open('behind', '#/observe/certificates');
  await expect(page.getByTestId('headline')).toContainText(/^\s*clock 5 d behind the newest event/);
  await expect(page.getByTestId('clock-first')).toContainText('Set the clock');
  await expect(page.locator('[data-certificate][data-state="unknown"]')).toHaveCount(6);
  await expect(page.locator('header').getByRole('link', { name: 'clock 5 d behind' })).toBeVisible();
  await expect(page.getByTestId('time')).toHaveText(/\d\d:\d\d\?/);
});

test('records flow at 200 a second without a shift, stand still when paused, and are filtered', async ({
  page,
  open,
}) => {
  await open('flood', '#/observe/signals');
  const first = page.locator('[data-record]').first();
  await expect(first).toBeVisible();
  const shifts = await watchShifts(page);
  const before = Number(await first.getAttribute('data-record'));
  // Frames between which more than a tenth of a second passed are seen as a stutter.
  const worst = await page.evaluate(
    () =>
      new Promise<number>((done) => {
        const began = performance.now();
        let [last, longest] = [began, 0];
        const frame = (now: number) => {
          longest = Math.max(longest, now - last);
          last = now;
          if (now - began < 2_000) requestAnimationFrame(frame);
          else done(longest);
        };
        requestAnimationFrame(frame);
      }),
  );
  expect(Number(await first.getAttribute('data-record')) - before, 'records in 2 s').toBeGreaterThan(200);
  expect(worst, 'the longest frame in ms').toBeLessThan(250);
  const { sum, moved } = await shifts();
  expect(sum, moved.join('\n')).toBe(0);
  expect(await page.locator('[data-record]').count(), 'only what is in sight exists').toBeLessThan(20);

  await page.getByRole('button', { name: 'Pause', exact: true }).click();
  const still = await first.getAttribute('data-record');
  await expect(page.getByRole('button', { name: /Resume, \d\d+ new/ })).toBeVisible();
  expect(await first.getAttribute('data-record')).toBe(still);
  await first.click();
  await expect(page.getByTestId('record')).toContainText(`(${Number(still) - 5_000})`);
  await expectAccessible(page);
  await page.getByRole('button', { name: /Resume/ }).click();

  await page.getByLabel('Levels').selectOption('error');
  await expect(page).toHaveURL(/level=error/);
  await expect(page.locator('[data-record]').first()).toHaveAttribute('data-level', 'error');
  await page.getByLabel('Search').fill('nothing says this');
  await expect(page.getByText('No record matches.')).toBeVisible();
});

test('counters that nobody tells are unknown, and say why', async ({ page, open }) => {
  await open('idle', '#/observe/signals?pane=counters');
  await expect(page.locator('[data-counter]')).toHaveCount(31);
  await expect(page.locator('[data-counter="NumMessages"]')).toHaveText('–');
  await expect(page.locator('[data-group="dns"]')).toContainText('nobody tells of a DNS server');
  await expect(page.locator('[data-counter="NumDHCPDiscover"]')).toHaveText('88');
  await page.evaluate(() => (location.hash = '#/observe/signals?pane=talkers'));
  await page.locator('[data-talker="node1"]').click();
  await expect(page.getByLabel('Machine')).toHaveValue('node1');
});

test('a silent stream is told on Board, with what to do, and nothing moves for it', async ({
  page,
  open,
}) => {
  await open('normal', '#/board');
  const tile = page.locator('[data-machine="6"]');
  const place = await tile.boundingBox();
  // Another board needs another page, not only another fragment.
  await open('silent', '?silent#/board');
  const banner = page.getByTestId('silent');
  await expect(banner).toContainText(
    /Log stream silent for \d+ s:\s+no process named otelcol runs — start it on the controller/,
  );
  expect(await tile.boundingBox(), 'the shelf keeps its place').toEqual(place);
  await expect(page.getByTestId('logs')).toContainText(/logs\s+silent \d+ s/);
  await banner.click();
  await expect(page.getByRole('link', { name: 'Streams' })).toHaveAttribute('aria-current', 'page');
  await expect(page.locator('[data-stream="collector"]')).toHaveAttribute('data-state', 'warn');
});

test('a new PC in a broken one’s place is taken by holding', async ({ page, open }) => {
  await open('stranger', '#/system/whole');
  await expect(page.getByTestId('rollcall')).toContainText('9 present, 1 missing, 1 unknown');
  const card = page.getByTestId('new-machine');
  await expect(card).toContainText('New machine in place 4?');
  const asked = page.waitForRequest((request) => request.url().endsWith('/machines/node4/replace'));
  await card.getByRole('button', { name: 'Take it' }).hover();
  await page.mouse.down();
  expect((await asked).postDataJSON()).toMatchObject({ mac: '16:09:01:1a:f4:77' });
  await expect(card, 'it is no stranger any more').toHaveCount(0);
  await page.mouse.up();
});

test('everything is switched off by holding, and what is still on is named', async ({ page, open }) => {
  await open('normal', '#/system/whole');
  const off = page.getByRole('button', { name: 'Shut down' });
  await off.hover();
  await page.mouse.down();
  await expect(page.getByTestId('ending')).toContainText('Still on: PC 4');
  await page.mouse.up();
  await expect(page.getByTestId('ending')).toContainText('Do not cut the power');
  await expectAccessible(page);
});

test('reads at two metres', async ({ page, open }) => {
  await open('fault', '#/board');
  const sizes = await page.locator('[data-machine="5"]').evaluate((tile) => {
    const size = (selector: string) => {
      const found = tile.querySelector(selector);
      return found === null ? 0 : parseFloat(getComputedStyle(found).fontSize);
    };
    return {
      number: size('h2 b'),
      word: size('[data-testid="state-word"]'),
      mark: tile.querySelector('svg')?.getBoundingClientRect().width ?? 0,
    };
  });
  expect(sizes.number).toBeGreaterThanOrEqual(56);
  expect(sizes.word).toBeGreaterThanOrEqual(30);
  expect(sizes.mark).toBeGreaterThanOrEqual(40);
});

test('keeps the shelf: 1 3 5 above 2 4 6', async ({ page, open }) => {
  await open('normal', '#/board');
  await expect(page.locator('[data-machine]')).toHaveCount(6);
  const boxes = await page.locator('[data-machine]').evaluateAll((tiles) =>
    tiles
      .map((tile) => ({ box: tile.getAttribute('data-machine'), at: tile.getBoundingClientRect() }))
      .sort((a, b) => a.at.top - b.at.top || a.at.left - b.at.left)
      .map(({ box }) => box),
  );
  expect(boxes).toEqual(['1', '3', '5', '2', '4', '6']);
});

test('a machine that boots shows the time since its boot began, ticking', async ({ page, open }) => {
  await open('run', '#/board');
  const word = stateWord(page, 1);
  await expect(word).toHaveText(/^\d+ s$|^\d+:\d\d$/);
  const first = await word.textContent();
  await expect(word).not.toHaveText(first ?? '');
});

test('a refused start is told beside the button, with what to do', async ({ page, open }) => {
  await open('refuse', '#/labs');
  const button = page.getByRole('button', { name: 'Hold to start' });
  await button.hover();
  await page.mouse.down();
  await expect(page.getByRole('alert')).toContainText('the relay board does not answer');
  await page.mouse.up();
  await expect(page.getByRole('alert')).toContainText('Check its USB cable');
  await expectFits(page, true);
  await expectAccessible(page);
});

test('a press shows within 100 ms, and letting go early does nothing', async ({ page, open }) => {
  await open('idle', '#/labs');
  const button = page.getByRole('button', { name: 'Hold to start' });
  await button.hover();
  // The test's clock begins with the event in the page, not with the wish for it outside.
  const watch = await button.evaluateHandle((element) => {
    const seen = { after: NaN };
    element.addEventListener(
      'pointerdown',
      () => {
        const pressed = performance.now();
        new MutationObserver((_, observer) => {
          if (!element.classList.contains('down')) return;
          seen.after = performance.now() - pressed;
          observer.disconnect();
        }).observe(element, { attributes: true });
      },
      { capture: true },
    );
    return seen;
  });
  await page.mouse.down();
  await expect(button).toHaveClass(/\bdown\b/);
  expect(await watch.evaluate((seen) => seen.after)).toBeLessThan(100);
  await page.mouse.up();
  await expect(page.getByText('Too short')).toBeVisible();
  await expect(page).toHaveURL(/#\/labs$/);
});

test('works without a mouse: tabs by arrows, a start by Enter held', async ({ page, open }) => {
  await open('idle', '#/board');
  await page.getByRole('link', { name: 'Board', exact: true }).focus();
  await page.keyboard.press('ArrowRight');
  await expect(page).toHaveURL(/#\/labs$/);
  const button = page.getByRole('button', { name: 'Hold to start' });
  await button.focus();
  await expect(button).toBeFocused();
  expect(await button.evaluate((b) => getComputedStyle(b).outlineStyle), 'focus is visible').toBe('solid');
  await page.keyboard.down('Enter');
  await expect(page).toHaveURL(/#\/labs\/runs\/31$/);
  await page.keyboard.up('Enter');
});

test('events can be paused and filtered', async ({ page, open }) => {
  await open('normal', '#/observe/events');
  await page.getByRole('button', { name: 'Pause', exact: true }).click();
  const first = await page.locator('ol button').first().textContent();
  await expect(page.getByRole('button', { name: /Resume, \d+ new/ })).toBeVisible();
  expect(await page.locator('ol button').first().textContent(), 'the list stands still').toBe(first);
  await page.getByLabel('Kind').selectOption('device-lost');
  await expect(page.locator('ol .kind').first()).toHaveText('device-lost');
  expect(new Set(await page.locator('ol .kind').allTextContents())).toEqual(new Set(['device-lost']));
});

test('a kiosk has no menu and goes home when nobody touches it', async ({ page, open }) => {
  await page.clock.install();
  await open('idle', '?kiosk=1#/system');
  await expect(page.locator('#engine')).toBeVisible();
  const prevented = await page.evaluate(
    () => !document.body.dispatchEvent(new Event('contextmenu', { bubbles: true, cancelable: true })),
  );
  expect(prevented, 'the context menu is prevented').toBe(true);
  await page.clock.runFor(121_000);
  await expect(page).toHaveURL(/#\/board$/);
});

test('a kiosk stays where it is while a run is on', async ({ page, open }) => {
  await page.clock.install();
  await open('run', '?kiosk=1#/system');
  await expect(page.locator('#engine')).toBeVisible();
  await page.clock.runFor(121_000);
  await expect(page).toHaveURL(/#\/system$/);
});
