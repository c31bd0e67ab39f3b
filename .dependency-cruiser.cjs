// Who may import whom: the table of AGENTS.md as rules. "Value" rules let `import type` pass; the others forbid both.
// test/architecture/boundaries.test.ts breaks each rule on purpose and fails when one of them stays silent.
const NPM = '(^|/)node_modules/';
/** Everything of ours, so that a rule can speak of "no other folder" without listing packages and Node's modules. */
const OURS = '^(domain|workflows|activities|workers|api|yaml-workflows|tools|adapters|web|cli|bench|test)/';
/** What the workflow bundle takes from domain/ as values: these stay free of zod, and so does what they import. */
const ZOD_FREE =
  '^domain/(approval|approval-contract|approval-rules|failures|json|limits|policy|pricing|tool|turn|turn-contract|turn-state|workflow-ids)\\.ts$';

const npm = (names) => `${NPM}(${names.join('|')})/`;
const values = { dependencyTypesNot: ['type-only'] };

const rule = (name, comment, from, to) => ({ name, comment, severity: 'error', from, to });

module.exports = {
  forbidden: [
    rule(
      'no-circular',
      'Files that need each other are one file, or need a third.',
      {},
      { circular: true, viaOnly: values },
    ),
    rule('not-resolvable', 'The module does not exist.', {}, { couldNotResolve: true }),
    rule(
      'no-undeclared-package',
      'Packages are declared in package.json.',
      {},
      { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] },
    ),
    rule(
      'no-dev-package-in-product',
      'A production install has no devDependencies.',
      { path: OURS, pathNot: '^(test|bench)/' },
      { dependencyTypes: ['npm-dev'], ...values },
    ),
    rule(
      'domain-alone',
      'domain/ imports itself and zod.',
      { path: '^domain/' },
      { pathNot: ['^domain/', npm(['zod'])] },
    ),
    rule(
      'ports-are-types',
      'A port is an interface: import it as a type.',
      { path: OURS, pathNot: '^test/' },
      { path: '^domain/ports/', ...values },
    ),
    rule(
      'zod-free-domain',
      'The workflow bundle must stay free of zod.',
      { path: ZOD_FREE },
      { pathNot: ZOD_FREE, ...values },
    ),
    rule(
      'workflows-alone',
      'Workflows import their own files, domain/ and the Temporal sandbox API.',
      { path: '^workflows/' },
      { pathNot: ['^workflows/', '^domain/', npm(['@temporalio/workflow', '@temporalio/common'])] },
    ),
    rule(
      'workflows-take-zod-free-values',
      'Parse at the edges: a workflow takes schemas as types only.',
      { path: '^workflows/' },
      { path: '^domain/', pathNot: ZOD_FREE, ...values },
    ),
    rule(
      'compiler-alone',
      'The YAML compiler is pure: domain/, zod and yaml.',
      { path: '^yaml-workflows/' },
      { pathNot: ['^yaml-workflows/', '^domain/', npm(['zod', 'yaml'])] },
    ),
    rule(
      'tools-boundary',
      'Tools know domain/ and what they are made of.',
      { path: '^tools/' },
      { path: OURS, pathNot: '^(tools|domain)/' },
    ),
    rule(
      'activities-boundary',
      'Activities reach the outside world through ports.',
      { path: '^activities/' },
      { path: OURS, pathNot: '^(activities|domain|tools|yaml-workflows)/' },
    ),
    rule(
      'activities-packages',
      'Vendor clients belong to adapters.',
      { path: '^activities/' },
      { path: NPM, pathNot: npm(['@temporalio/activity', '@temporalio/common', 'zod', 'gpt-tokenizer']) },
    ),
    rule(
      'adapters-boundary',
      'An adapter knows domain/ and its own folder.',
      { path: '^adapters/([^/]+)/' },
      { path: OURS, pathNot: ['^domain/', '^adapters/$1/'] },
    ),
    rule(
      'api-boundary',
      'The API knows domain/ and the YAML compiler.',
      { path: '^api/' },
      { path: OURS, pathNot: '^(api|domain|yaml-workflows|workflows)/' },
    ),
    rule(
      'api-takes-workflow-types',
      'The API starts workflows by name.',
      { path: '^api/' },
      { path: '^workflows/', ...values },
    ),
    rule(
      'api-packages',
      'Databases, models and workers are behind ports.',
      { path: '^api/' },
      {
        path: npm(['pg', 'kysely', '@electric-sql/pglite', 'openai', '@temporalio/worker', '@temporalio/workflow']),
        ...values,
      },
    ),
    rule(
      'mains-are-not-imported',
      'workers/ and cli/ wire the parts; nothing but them and the tests knows both sides.',
      { path: OURS, pathNot: '^(workers|cli|test|bench)/' },
      { path: '^(workers|cli)/' },
    ),
    rule(
      'cli-talks-http',
      'Commands talk HTTP; only start and doctor open parts of the server.',
      { path: '^cli/', pathNot: '^cli/(start|doctor|restore)' },
      { path: OURS, pathNot: '^(cli|domain)/|^workers/product-version\\.ts$', ...values },
    ),
    rule(
      'product-knows-no-test',
      'Tests and benchmarks are not part of the product.',
      { path: OURS, pathNot: '^(test|bench)/' },
      { path: '^(test|bench)/' },
    ),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)(coverage|\\.cache|\\.turnstone)/' },
    tsPreCompilationDeps: 'specify',
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
  },
};
