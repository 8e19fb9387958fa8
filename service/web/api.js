// Everything the page asks the server for. Addresses are relative: the page works behind any prefix.

const kept = new Map();

async function json(path) {
  const answer = await fetch(path, { headers: { accept: "application/geo+json, application/json" } });
  if (!answer.ok) {
    const problem = await answer.json().catch(() => ({}));
    throw new Error(problem.detail ?? `${answer.status} ${path}`);
  }
  return answer.json();
}

export const runs = () => json("v1/runs");
export const plan = (run) => json(`v1/runs/${encodeURIComponent(run)}`);
export const indicators = (run) => json(`v1/runs/${encodeURIComponent(run)}/indicators`);
export const layers = (run) => json(`v1/runs/${encodeURIComponent(run)}/layers`);
export const catalogue = (language) => json(`assets/${language}.json`);
export const palette = () => json("assets/palette.json");

/** A whole layer as GeoJSON, fetched once per run. */
export function features(run, layer) {
  const path = `v1/runs/${encodeURIComponent(run)}/layers/${encodeURIComponent(layer)}`;
  if (!kept.has(path)) kept.set(path, json(path));
  return kept.get(path);
}

/** The whole address of a layer, for those who fetch it in another context. */
export const layerAddress = (run, layer) =>
  new URL(`v1/runs/${encodeURIComponent(run)}/layers/${encodeURIComponent(layer)}`, location.href).href;
export const reportAddress = (run) => `v1/runs/${encodeURIComponent(run)}/report`;
export const fileAddress = (run, file) => `v1/runs/${encodeURIComponent(run)}/files/${file}`;
