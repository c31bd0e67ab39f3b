// The lint rules of this house. Size caps and typed rules are errors: a floating promise is a lost activity, and a file
// over 300 lines is a file nobody reads. docs/architecture.md says why each boundary exists.
import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

const NO_ENUM = {
  selector: 'TSEnumDeclaration',
  message: 'Use a union of string literals: an enum is a value and drags its file along.',
};
const NO_DEFAULT_EXPORT = { selector: 'ExportDefaultDeclaration', message: 'Export by name: one name for one thing.' };

const MODULE_LEVEL = ':matches(Program, Program > ExportNamedDeclaration) > VariableDeclaration';
const MUTABLE_STATE_MESSAGE =
  'No mutable state at module level in workflows: workflow contexts can be reused between tenants. Keep it in the workflow function, or freeze it with `as const` or a Readonly type.';
const isReadonlyType = 'id.typeAnnotation.typeAnnotation.typeName.name=/^Readonly/';
const NO_MODULE_STATE = [
  `${MODULE_LEVEL}[kind=/^(let|var)$/]`,
  `${MODULE_LEVEL} > VariableDeclarator > NewExpression`,
  `${MODULE_LEVEL} > VariableDeclarator:not([${isReadonlyType}]) > :matches(ObjectExpression, ArrayExpression).init`,
].map((selector) => ({ selector, message: MUTABLE_STATE_MESSAGE }));

const NO_PROCESS_ENV = {
  object: 'process',
  property: 'env',
  message: 'Take the setting as a parameter: only mains and adapters/config read the environment.',
};

const WORKFLOW_IMPORTS = {
  patterns: [
    {
      regex: '^(?!\\.{1,2}/|@temporalio/(workflow|common)$)',
      message: 'Workflows may import their own files, domain/ and @temporalio/workflow or /common.',
    },
    { regex: '^@temporalio/workflow/lib', message: 'Import from the entry point of @temporalio/workflow.' },
  ],
};

export default defineConfig(
  { ignores: ['node_modules/', 'coverage/', '.cache/', '.turnstone/'] },
  tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      'max-lines': ['error', { max: 300, skipBlankLines: true, skipComments: true }],
      'max-lines-per-function': ['error', { max: 60, skipBlankLines: true, skipComments: true }],
      complexity: ['error', 12],
      eqeqeq: 'error',
      'no-console': 'error',
      'no-constant-binary-expression': 'error',
      'no-self-compare': 'error',
      'no-unreachable-loop': 'error',
      'no-unsafe-finally': 'error',
      'no-var': 'error',
      'object-shorthand': 'error',
      'prefer-const': 'error',
      'no-restricted-properties': ['error', NO_PROCESS_ENV],
      'no-restricted-syntax': ['error', NO_ENUM, NO_DEFAULT_EXPORT],
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'separate-type-imports' }],
      '@typescript-eslint/no-import-type-side-effects': 'error',
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', ignoreRestSiblings: true }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      // An adapter without anything to wait for still answers with a promise, and `async` turns its throw into a rejection.
      '@typescript-eslint/require-await': 'off',
      // There are no enums to assign (see above), and looking for them takes a fifth of the time.
      '@typescript-eslint/no-unsafe-enum-assignment': 'off',
      // Parts are closures without `this`: taking one of their functions out is the normal way to use them.
      '@typescript-eslint/unbound-method': 'off',
      // Express declares its requests as interfaces over Node's classes, so every hand-over would be reported.
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
    },
  },
  {
    files: ['workflows/**/*.ts'],
    rules: {
      'no-restricted-imports': ['error', WORKFLOW_IMPORTS],
      'no-restricted-syntax': ['error', NO_ENUM, NO_DEFAULT_EXPORT, ...NO_MODULE_STATE],
    },
  },
  {
    files: ['cli/**', 'workers/main.ts', 'adapters/config/**', 'test/**', 'bench/**'],
    rules: { 'no-restricted-properties': 'off' },
  },
  {
    files: [
      'cli/**',
      'bench/**',
      'test/run-all.ts',
      'test/faults/main.ts',
      'test/hostile/main.ts',
      'test/simulation/run-simulations.ts',
    ],
    rules: { 'no-console': 'off' },
  },
  {
    files: ['test/**'],
    rules: {
      // A `describe` block is a list of cases, not a function to be split.
      'max-lines-per-function': 'off',
      '@typescript-eslint/explicit-module-boundary-types': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-empty-function': 'off',
    },
  },
  {
    files: ['*.config.ts', '*.config.mjs'],
    rules: { 'no-restricted-syntax': ['error', NO_ENUM] },
  },
  {
    files: ['**/*.mjs', '**/*.cjs', '**/*.js'],
    extends: [tseslint.configs.disableTypeChecked],
    rules: {
      '@typescript-eslint/explicit-module-boundary-types': 'off',
      '@typescript-eslint/no-require-imports': 'off',
    },
  },
);
