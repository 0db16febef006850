import { svelte, vitePreprocess } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';
import { mockBoard } from './dev/mock.ts';

// Times in tests are those of one zone, wherever they run.
if (process.env.VITEST) process.env.TZ = 'UTC';

// MOCK=run npm run dev    the UI before a made-up board (dev/mock.ts), in the state named
// ENGINE=http://127.0.0.1:8080 npm run dev    the UI before a program that runs
const { MOCK, ENGINE } = process.env;

export default defineConfig({
  plugins: [svelte({ preprocess: vitePreprocess() }), ...(MOCK ? [mockBoard(MOCK)] : [])],
  build: {
    // A font below 4 kB would become a data: address, which the page's policy (font-src 'self') refuses.
    assetsInlineLimit: 0,
    // WebKitGTK of Debian 12 and the chromium beside it.
    target: ['safari16.4', 'chrome111'],
  },
  server: ENGINE ? { proxy: { '/api': ENGINE, '/login': ENGINE } } : {},
  // Without this vitest takes Svelte's server build, in which nothing mounts.
  resolve: process.env.VITEST ? { conditions: ['browser'] } : {},
  test: {
    environment: 'node',
    include: ['src/**/*.test.ts'],
  },
});
