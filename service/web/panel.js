// The side panel: what the plan costs and proves, what is shown, every indicator, what is estimated.

import { fileAddress, reportAddress } from "./api.js";
import { h, svg } from "./dom.js";
import { money, number, parts } from "./format.js";

const ORDER = ["communities", "flows", "routes", "stops", "unserved", "candidates", "assignments", "zones", "streets"];

export function renderPanel(panel, { words, state, palette, runs, run, plan, groups, opened, layers, data }) {
  panel.replaceChildren(head(words, state, plan), chooser(words, state, runs, run));
  if (!plan) return;
  panel.append(headline(words, plan), estimates(words, plan), tiers(words, state, palette, plan, layers),
    others(words, state, palette, plan, layers, data), indicators(words, plan, groups, opened), links(words, run), sources(words, plan));
}

function head(words, state, plan) {
  const button = (lang, name) => h("button", { type: "button", lang, "aria-pressed": String(words.lang() === lang),
    onclick: () => state.set({ lang }) }, name);
  return h("header", { class: "head" },
    h("h1", {}, plan ? words.title(plan.title) || plan.study : words.text("page.title"),
      h("small", {}, words.text("report.subtitle"), plan?.year ? ` · ${plan.year}` : "")),
    h("div", { class: "languages", role: "group", "aria-label": words.text("report.language") },
      button("zh", "中文"), button("en", "EN")));
}

function chooser(words, state, runs, run) {
  const options = runs.map((r) => h("option", { value: r.id, selected: r.id === run }, r.id));
  return h("div", { class: "run" }, h("label", { for: "run" }, words.text("page.run")),
    h("select", { id: "run", onchange: (event) => state.set({ run: event.target.value, site: "" }) }, options));
}

function headline(words, plan) {
  const lang = words.lang();
  const cost = (value) => (value === null ? "—" : money(value, true, lang));
  const pair = (key, value) => h("div", { class: "pair" }, h("span", {}, words.text(key)), h("b", {}, value));
  const gap = plan.gap === null ? words.text("page.gap_none") : `${(plan.gap * 100).toFixed(2)} %`;
  const help = plan.gap === null ? words.text("gap.none") : words.text("page.gap_help", { gap });
  return h("section", { class: "headline" },
    h("div", { class: "label" }, words.text("page.objective")),
    h("div", { class: "big", id: "objective" }, cost(plan.objective_cny_per_year)),
    h("div", { class: "pairs" }, pair("page.bound", cost(plan.bound_cny_per_year)), pair("page.gap", gap),
      pair("headline.gross", cost(plan.gross_cost_cny_per_year)),
      pair("headline.routed", cost(plan.routed_cost_cny_per_year ?? null))),
    h("p", { class: "help" }, help, plan.objective_cny_per_year < 0 ? ` ${words.text("objective.sign")}` : ""));
}

function estimates(words, plan) {
  if (!plan.estimated.length) return h("span", { hidden: true });
  return h("section", { class: "estimates" }, h("h2", {}, words.text("page.estimated")),
    h("ul", {}, plan.estimated.map((e) => h("li", {}, words.title(e)))));
}

function toggle(words, state, layer, title, swatch, count = "") {
  const box = h("input", { type: "checkbox", checked: !state.hidden(layer), onchange: () => state.toggle(layer) });
  return h("label", { class: "layer" }, box, swatch, h("span", {}, title), h("span", { class: "count" }, count));
}

function tiers(words, state, palette, plan, layers) {
  const known = new Set(layers.map((l) => l.id));
  const rows = plan.tiers.filter((t) => known.has(t.id)).map((tier, n) => {
    const dot = swatch(svg("circle", { cx: 13, cy: 9, r: 4 + 2 * n, fill: palette.tiers[n % palette.tiers.length] }));
    const count = `${number(tier.open_count)} / ${number(tier.candidate_count)}`;
    const row = toggle(words, state, tier.id, words.title(tier.title), dot, count);
    row.title = words.text("page.open_of", { open: tier.open_count, candidates: tier.candidate_count });
    return row;
  });
  return h("section", {}, h("div", { class: "row between" }, h("h2", {}, words.text("page.tiers")),
    h("h2", {}, words.text("headline.open_note"))), rows,
    h("div", { class: "legend" }, words.text("page.site_area")));
}

function others(words, state, palette, plan, layers, data) {
  const titles = new Map(layers.map((l) => [l.id, words.title(l.title)]));
  const rows = ORDER.filter((name) => titles.has(name)).flatMap((name) => {
    const title = name === "communities" ? words.text("page.coverage") : titles.get(name);
    const count = ["unserved", "candidates"].includes(name) && data.has(name) ? number(data.get(name).features.length) : "";
    const row = toggle(words, state, name, title, SWATCHES[name](palette), count);
    const extra = state.hidden(name) ? null : LEGENDS[name]?.(words, state, palette, plan, data);
    return extra ? [row, extra] : [row];
  });
  return h("section", {}, h("h2", {}, words.text("page.layers")), rows);
}

const swatch = (...shapes) => svg("svg", { viewBox: "0 0 26 18", "aria-hidden": "true" }, ...shapes);
const stroke = (colour, width, dash = "none") =>
  swatch(svg("path", { d: "M2 9h22", stroke: colour, "stroke-width": width, "stroke-dasharray": dash }));
const SWATCHES = {
  communities: (p) => swatch(svg("rect", { x: 3, y: 3, width: 20, height: 12, rx: 2, fill: p.capture_colours[3] })),
  flows: (p) => stroke(p.flow, 4),
  routes: (p) => stroke(p.routes[0], 2.4),
  stops: (p) => swatch(svg("circle", { cx: 13, cy: 9, r: 3.4, fill: "#fff", stroke: p.routes[0], "stroke-width": 1.8 })),
  unserved: (p) => swatch(svg("circle", { cx: 13, cy: 9, r: 4.5, fill: "#fff", stroke: p.unserved, "stroke-width": 2.4 })),
  candidates: () => swatch(svg("circle", { cx: 8, cy: 9, r: 3, fill: "#7f8990" }), svg("circle", { cx: 18, cy: 9, r: 3, fill: "#d08f86" })),
  assignments: (p) => stroke(p.muted, 1),
  zones: (p) => stroke(p.zone_line, 1.8, "4 3"),
  streets: () => stroke("#9b9482", 2),
};
const LEGENDS = {
  communities: (words, state, palette) => h("div", { class: "legend" },
    h("div", { class: "ramp" }, palette.capture_colours.map((c) => h("i", { style: `background:${c}` }))),
    h("div", { class: "ticks" }, [0, ...palette.capture_breaks, 1].map((edge) =>
      h("span", {}, `${Math.round(edge * 100)}${edge === 1 ? " %" : ""}`))), words.text("page.coverage_note")),
  flows: (words) => h("div", { class: "legend" }, words.text("page.flow_width")),
  routes: (words, state, palette, plan, data) => days(words, state, data),
  candidates: (words) => h("div", { class: "legend" }, h("span", { style: "color:#7f8990" }, "● "), words.text("word.candidate"),
    h("span", { style: "color:#d08f86" }, "  ● "), words.text("word.rejected")),
};

function days(words, state, data) {
  const routes = data.get("routes")?.features ?? [];
  const present = [...new Set(routes.map((f) => f.properties.day))].sort((a, b) => a - b);
  const chosen = Number(state.get("day"));
  const shown = routes.filter((f) => !chosen || f.properties.day === chosen);
  const km = shown.reduce((sum, f) => sum + (f.properties.distance_m ?? 0), 0) / 1000;
  const button = (day, name) => h("button", { type: "button", "aria-pressed": String(day === chosen),
    onclick: () => state.set({ day: String(day) }) }, name);
  return h("div", { class: "legend" },
    h("div", { class: "days", role: "group", "aria-label": words.text("page.day") },
      present.map((day) => button(day, words.text(`day.${day}`))), button(0, words.text("page.all_days"))),
    words.text("page.trips", { trips: number(shown.length), km: number(Math.round(km)) }));
}

/** Every indicator by group; number and unit in columns of their own, tiers side by side. */
function indicators(words, plan, groups, opened) {
  const row = (title, names) => {
    const shown = names.map((n) => (n ? parts(plan.kpis[n].value, plan.kpis[n].unit, n, words.lang()) : ["—", ""]));
    const units = [...new Set(shown.filter(([, unit], k) => names[k] && plan.kpis[names[k]].value !== null).map(([, unit]) => unit))];
    const one = units.length === 1;
    return h("tr", {}, h("td", {}, words.title(title)), shown.map((s) => h("td", { class: "n" }, one ? s[0] : s.join(" "))),
      h("td", { class: "u" }, one ? units[0] : ""));
  };
  const keep = (id) => (event) => (event.target.open ? opened.add(id) : opened.delete(id));
  const blocks = groups.map((group) => h("details", { class: "kpis", open: opened.has(group.id), ontoggle: keep(group.id) }, h("summary", {}, words.title(group.title)),
    group.names.length ? h("table", {}, group.names.map((name) => row(plan.kpis[name].title, [name]))) : null,
    group.grids.map((grid) => h("table", { class: "grid" },
      h("tr", {}, h("th", {}), grid.columns.map((c) => h("th", {}, words.title(c))), h("th", {})),
      grid.rows.map((r) => row(r.title, r.names))))));
  return h("section", {}, h("h2", {}, words.text("page.figures")), blocks);
}

function links(words, run) {
  return h("nav", { class: "links" },
    h("a", { href: reportAddress(run), target: "_blank", rel: "noopener" }, words.text("page.report")),
    h("a", { href: fileAddress(run, "plan.gpkg") }, "GeoPackage"),
    h("a", { href: fileAddress(run, "plan.json") }, "plan.json"),
    h("a", { href: "v1/collections" }, "API"));
}

function sources(words, plan) {
  return h("section", { class: "sources" }, h("h2", {}, words.text("page.attribution")), plan.attribution.join("; "));
}
