// Compares the dashboards with Grafana's published types (@grafana/schema): each becomes a TypeScript literal that must be a Dashboard,
// and each panel's options must be those of its kind. Excess and misspelt keys are errors, as they are in literals.
//
//     npm ci --prefix dashboards/check && node dashboards/check/check.mjs

import { readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";

const here = dirname(fileURLToPath(import.meta.url));
const dashboards = join(here, "..");
const composable = join(here, "node_modules/@grafana/schema/dist/esm/raw/composable");
const files = readdirSync(dashboards).filter((name) => name.endsWith(".json"));

// Grafana's types of options and of a field's own settings, by kind of panel; a table's are shared by all panels.
const panelTypes = {
  "bargauge": ["bargauge/panelcfg/x/BarGaugePanelCfg_types.gen", null],
  "geomap": ["geomap/panelcfg/x/GeomapPanelCfg_types.gen", null],
  "stat": ["stat/panelcfg/x/StatPanelCfg_types.gen", null],
  "state-timeline": ["statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen", "FieldConfig"],
  "table": ["table/panelcfg/x/TablePanelCfg_types.gen", null],
  "timeseries": ["timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen", "FieldConfig"],
};

// JSON holds the values of enums, TypeScript wants their names: Plain makes strings of them. A fieldless Record takes anything.
let code = `import type { Dashboard, Panel, RowPanel, VariableModel, AnnotationQuery } from "@grafana/schema";
type Plain<T> = T extends string ? \`\${T}\` : T extends number | boolean | null | undefined ? T
  : T extends Array<infer E> ? Array<Plain<E>> : T extends object ? { [K in keyof T]: Plain<T[K]> } : T;
type OneOf<T> = Plain<T>;
`;
for (const [kind, [path]] of Object.entries(panelTypes)) {
  code += `import type * as ${kind.replace("-", "_")} from "${composable}/${path}";\n`;
}
const where = [];
function expect(text, type, value) {
  where.push([code.split("\n").length, text]);
  code += `export const c${where.length}: ${type} = ${JSON.stringify(value)};\n`;
}
let panels = 0;
for (const file of files) {
  const dashboard = JSON.parse(readFileSync(join(dashboards, file), "utf8"));
  const { panels: itsPanels, templating, annotations, ...rest } = dashboard;
  expect(`${file}`, "OneOf<Dashboard>", rest);
  for (const variable of templating.list) {
    expect(`${file}: variable ${variable.name}`, "OneOf<VariableModel>", variable);
  }
  for (const annotation of annotations.list) {
    // What follows the query's own keys is the datasource's affair (Prometheus: expr, step, titleFormat...).
    const { name, enable, hide, iconColor, datasource } = annotation;
    expect(`${file}: annotation ${name}`, "OneOf<AnnotationQuery>", { name, enable, hide, iconColor, datasource });
  }
  for (const panel of itsPanels) {
    panels += 1;
    const text = `${file}: panel "${panel.title}"`;
    if (panel.type === "row") {
      expect(text, "OneOf<RowPanel>", panel);
      continue;
    }
    if (!(panel.type in panelTypes)) {
      throw new Error(`${text}: no type is known of ${panel.type}`);
    }
    const module = panel.type.replace("-", "_");
    expect(text, "OneOf<Panel>", panel);
    expect(`${text}, options`, `OneOf<${module}.Options>`, panel.options);
    const own = panelTypes[panel.type][1];
    if (own && panel.fieldConfig.defaults.custom) {
      expect(`${text}, field settings`, `OneOf<${module}.${own}>`, panel.fieldConfig.defaults.custom);
    }
  }
}
const source = join(here, "dashboards.check.ts");
writeFileSync(source, code);
const program = ts.createProgram([source], {
  strict: true, noEmit: true, skipLibCheck: true, types: [], module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
});
const problems = ts.getPreEmitDiagnostics(program);
for (const problem of problems) {
  const line = problem.file ? problem.file.getLineAndCharacterOfPosition(problem.start).line + 1 : 0;
  const about = where.filter(([begins]) => begins <= line).at(-1)?.[1] ?? problem.file?.fileName ?? "";
  console.error(`${about}: ${ts.flattenDiagnosticMessageText(problem.messageText, "\n").slice(0, 600)}`);
}
rmSync(source);
if (problems.length) process.exit(1);
const version = JSON.parse(readFileSync(join(here, "node_modules/@grafana/schema/package.json"), "utf8")).version;
console.log(`${files.length} dashboards, ${panels} panels and rows: all as @grafana/schema ${version} says`);
