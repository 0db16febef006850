import globals from 'globals';
import svelte from 'eslint-plugin-svelte';
import ts from 'typescript-eslint';

// components/ know no domain, a feature knows no other feature, views put them together (STYLE: UI).
const forbid = (patterns) => ({ 'no-restricted-imports': ['error', { patterns }] });
const features = [
  'board',
  'boots',
  'certificates',
  'devices',
  'events',
  'health',
  'labs',
  'live',
  'machine',
  'measured',
  'run',
  'signals',
  'system',
  'whole',
  'wifi',
];

export default ts.config(
  { ignores: ['dist', 'node_modules', 'src/api/generated', 'test-results', 'playwright-report'] },
  ...ts.configs.strict,
  ...svelte.configs.recommended,
  { languageOptions: { globals: { ...globals.browser, ...globals.node } } },
  {
    files: ['**/*.svelte', '**/*.svelte.ts'],
    languageOptions: { parserOptions: { parser: ts.parser, extraFileExtensions: ['.svelte'] } },
  },
  {
    rules: {
      'no-console': 'error',
      eqeqeq: 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      // TypeScript itself knows what is defined.
      'no-undef': 'off',
      // Addresses are fragments of one page (route.svelte.ts); there is no router of a kit to ask.
      'svelte/no-navigation-without-resolve': 'off',
      'svelte/require-each-key': 'error',
      'svelte/no-at-html-tags': 'error',
      'svelte/button-has-type': 'error',
    },
  },
  // A measurement prints its result.
  { files: ['bench/**'], rules: { 'no-console': 'off' } },
  { files: ['src/components/**'], rules: forbid(['**/features/**', '**/views/**', '**/api/**']) },
  ...features.map((own) => ({
    files: [`src/features/${own}/**`],
    rules: forbid([...features.filter((f) => f !== own).map((f) => `**/${f}/*`), '**/views/**']),
  })),
);
