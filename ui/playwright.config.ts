import { defineConfig } from '@playwright/test';

// Debian's chromium; nothing is downloaded, and the browser asks nobody but this machine.
const chromium = {
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: [
    // Root has no sandbox to put it in.
    ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--disable-quic',
  ],
};

export default defineConfig({
  testDir: 'e2e',
  // One engine and one browser at a time: two cores, and a layout that is measured while it moves.
  workers: 1,
  fullyParallel: false,
  retries: 0,
  timeout: 60_000,
  expect: { timeout: 10_000 },
  reporter: 'list',
  use: {
    viewport: { width: 1024, height: 600 },
    launchOptions: chromium,
    timezoneId: 'UTC',
    screenshot: 'only-on-failure',
  },
});
