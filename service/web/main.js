// The page: fetch what there is, show the chosen run, follow the state.

import * as api from "./api.js";
import { renderCard } from "./card.js";
import { createWords } from "./i18n.js";
import { applyDay, applyVisibility, createMap, featureAt, highlight, hits, LAZY, loadLazy, showRun, uncover } from "./map.js";
import { renderPanel } from "./panel.js";
import { createState } from "./state.js";

const element = (id) => document.getElementById(id);

async function start() {
  const state = createState();
  const [zh, en, palette, listed] = await Promise.all([api.catalogue("zh"), api.catalogue("en"), api.palette(), api.runs()]);
  const words = createWords({ zh, en }, state);
  const view = createMap("map", palette);
  const page = { state, words, palette, runs: listed.runs, run: "", plan: null, groups: [], layers: [], data: new Map(), chosen: null,
    opened: new Set(["network"]) };
  page.close = () => choose(page, view, null);

  state.subscribe(async (changed) => {
    if (changed.has("run")) await open(page, view);
    if (changed.has("hidden")) {
      applyVisibility(view, state);
      const known = page.layers.map((l) => l.id);
      await Promise.all(LAZY.filter((n) => known.includes(n) && !state.hidden(n)).map((n) => loadLazy(view, n)));
    }
    if (changed.has("day")) applyDay(view, state);
    draw(page);
  });
  view.map.on("click", (event) => choose(page, view, featureAt(view, event.point), event.lngLat));
  view.map.on("mousemove", (event) => {
    view.map.getCanvas().style.cursor = hits(view, event.point).length ? "pointer" : "";
  });
  view.map.on("idle", () => { if (page.plan) document.body.dataset.state = "ready"; });
  addEventListener("keydown", (event) => { if (event.key === "Escape") page.close(); });
  await open(page, view);
  draw(page);
}

/** Show the run of the state, or the first one. */
async function open(page, view) {
  const wanted = page.runs.find((r) => r.id === page.state.get("run")) ?? page.runs[0];
  if (!wanted) return notice(page.words.text("page.no_runs"));
  notice(page.words.text("page.loading"));
  page.run = wanted.id;
  page.chosen = null;
  const [plan, described, indicators] = await Promise.all([api.plan(wanted.id), api.layers(wanted.id), api.indicators(wanted.id)]);
  Object.assign(page, { plan, groups: indicators.groups, layers: described.layers });
  draw(page);
  await showRun(view, wanted.id, plan, described.layers.map((l) => l.id), page.palette, page.state);
  page.data = view.data;
  for (const { id, properties } of view.data.get("zones")?.features ?? []) {  // names, where the plan itself gives none
    if (properties.name) (plan.labels ??= {})[id] ??= { zh: properties.name, en: properties.name };
  }
  const site = findSite(page, page.state.get("site"));
  if (site) choose(page, view, site);
  return notice("");
}

function findSite(page, id) {
  for (const tier of page.plan.tiers) {
    const feature = page.data.get(tier.id)?.features.find((f) => f.properties._id === id);
    if (feature) return { layer: tier.id, feature };
  }
  return null;
}

async function choose(page, view, chosen, clicked = null) {
  page.chosen = chosen;
  const isSite = chosen && page.plan.tiers.some((t) => t.id === chosen.layer);
  const point = chosen?.feature.geometry?.type === "Point" ? chosen.feature.geometry.coordinates : null;
  page.state.set({ site: isSite ? chosen.feature.properties._id : "" });
  const needed = isSite ? "assignments" : chosen?.layer === "routes" ? "stops" : "";
  if (page.layers.some((l) => l.id === needed)) await loadLazy(view, needed);
  if (page.chosen !== chosen) return; // something else was chosen meanwhile
  highlight(view, chosen, isSite);
  const place = point ?? clicked;
  if (chosen && place) uncover(view, place, 390);
  draw(page);
}

function draw(page) {
  const panel = element("panel");
  const { scrollTop } = panel;
  document.documentElement.lang = page.words.lang() === "zh" ? "zh-CN" : "en";
  document.title = page.plan ? `${page.words.title(page.plan.title) || page.plan.study} · recynet` : "recynet";
  renderPanel(panel, page);
  panel.scrollTop = scrollTop;
  renderCard(element("card"), page.chosen, page);
  const notes = page.plan ? [...page.plan.attribution, page.plan.estimated.length ? page.words.text("page.contains_estimates") : ""] : [];
  element("credit").textContent = notes.filter(Boolean).join(" · ");
}

function notice(text) {
  element("notice").textContent = text;
  element("notice").hidden = !text;
}

start().catch((error) => {
  notice(`${error.message}`);
  document.body.dataset.state = "failed";
});
