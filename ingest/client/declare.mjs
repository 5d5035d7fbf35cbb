#!/usr/bin/env node
// Writes the types of `shieldwatch/client` (package.json, `exports`) beside its compiled code. The compiler that builds all
// else writes none: only these two files are imported by programs outside of this project.
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

for (const file of ['ingest/client/client', 'ingest/openapi/generated/api']) {
  const { outputText, diagnostics = [] } = ts.transpileDeclaration(readFileSync(join(root, `${file}.ts`), 'utf8'), {
    fileName: `${file}.ts`,
    reportDiagnostics: true,
    compilerOptions: { target: ts.ScriptTarget.ES2023, module: ts.ModuleKind.NodeNext, strict: true },
  });
  if (diagnostics.length > 0)
    throw new Error(`${file}.ts: ${ts.flattenDiagnosticMessageText(diagnostics[0].messageText, ' ')}`);
  writeFileSync(join(root, 'dist', `${file}.d.ts`), outputText);
}
