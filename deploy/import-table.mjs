// Which module may import which, and which files of another module it may read. eslint.config.js applies both rules;
// `importCycles` takes the names of the modules.

/** Module -> modules that it may import. Data flows one way; only `deploy` sees every module. */
export const MODULES = {
  schemas: [],
  exporters: ['schemas'],
  collector: ['schemas'],
  ingest: ['schemas'],
  rollups: ['schemas'],
  grafana: ['schemas'],
  deploy: ['schemas', 'exporters', 'collector', 'ingest', 'rollups', 'grafana'],
};

/** Module -> data of a module that it may not import, which it reads all the same. */
const READS = {
  // Where the boards and their page lie, for the modules that read them.
  schemas: ['grafana/generated', 'dist/grafana/page'],
  // In tests: repositories to scan; manifests, cases and error codes that both sides must agree on; the page to look at.
  exporters: ['deploy/demo/repos'],
  collector: ['deploy/bench/hotpath/manifest.yaml'],
  ingest: ['collector/cases', 'collector/exporters/setaside/refusal.go', 'grafana/page/build.mjs'],
};

/** Parts of `schemas` that a producer, installed next to an agent, has no business with. */
const STORE_ONLY = /^(?:dist\/)?schemas\/(?:alerts|http|clickhouse|postgres)\//;

const names = Object.keys(MODULES).join('|');
const MODULE_PATH = new RegExp(`^(?:dist/)?(${names})(?:/|$)`);
/** A path that leads out of the module: into which, and where there. */
const RELATIVE = new RegExp(`^(?:\\.\\./)+((?:dist/)?(${names})/.*)$`);

/** Why a file of `module` may not have anything to do with a path from the root; undefined where it may. */
function objection(module, path) {
  const other = MODULE_PATH.exec(path)?.[1];
  if (other === undefined || other === module) return undefined;
  const reads = READS[module] ?? [];
  if (reads.some((allowed) => path === allowed || path.startsWith(`${allowed}/`))) return undefined;
  if (!MODULES[module].includes(other))
    return `${module} may use only: ${MODULES[module].join(', ') || 'no other module'}.`;
  if (module === 'exporters' && STORE_ONLY.test(path))
    return 'exporters may not use alerts, http, clickhouse or postgres schemas.';
  return undefined;
}

const textOf = (node) => (node?.type === 'Literal' && typeof node.value === 'string' ? node.value : undefined);

/** `join(packageRoot(), 'a', 'b', c)` as `a/b`; undefined for any other call. */
function pathFromRoot({ callee, arguments: [root, ...parts] }) {
  if (!['join', 'resolve'].includes(callee.name) || root?.callee?.name !== 'packageRoot') return undefined;
  const known = parts.findIndex((part) => textOf(part) === undefined);
  return (known < 0 ? parts : parts.slice(0, known)).map(textOf).join('/');
}

/** Imports of every form, and paths of files, by the table above. */
const rule = {
  meta: { type: 'problem', schema: [{ enum: Object.keys(MODULES) }] },
  create(context) {
    const [module] = context.options;
    const check = (node, path) => {
      const message = path === undefined ? undefined : objection(module, path);
      if (message !== undefined) context.report({ node, message });
    };
    const checkSource = ({ source }) => {
      const text = textOf(source);
      if (text?.startsWith('#')) check(source, text.slice(1));
      else if (RELATIVE.test(text ?? ''))
        context.report({
          node: source,
          message: 'A module is imported by its name (#module/...), not by a relative path.',
        });
    };
    return {
      ImportDeclaration: checkSource,
      ExportNamedDeclaration: checkSource,
      ExportAllDeclaration: checkSource,
      ImportExpression: checkSource,
      TSImportType: checkSource,
      CallExpression: (node) => check(node, pathFromRoot(node)),
      ':not(ImportDeclaration, ExportNamedDeclaration, ExportAllDeclaration, ImportExpression) > Literal, TemplateElement':
        (node) => check(node, RELATIVE.exec(node.type === 'Literal' ? String(node.value) : node.value.raw)?.[1]),
    };
  },
};

/** ESLint configurations, one a module. */
export const importRules = Object.keys(MODULES).map((module) => ({
  files: [`${module}/**/*.ts`],
  plugins: { modules: { rules: { imports: rule } } },
  rules: { 'modules/imports': ['error', module] },
}));
