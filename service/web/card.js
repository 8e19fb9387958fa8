// The card of whatever was clicked: its figures by the names and units of the layer's own schema.

import { h } from "./dom.js";
import { figure, number } from "./format.js";

const CODES = ["tier_id", "size_id", "type", "status", "reason", "zone_id", "from_tier_id", "to_tier_id", "material_id",
  "vehicle_id", "kind", "largest_size_id"];
const SKIPPED = ["load_t_per_day", "capacity_t_per_day", "utilisation_share", "tier_id"];

export function renderCard(card, chosen, { words, palette, plan, layers, close }) {
  card.hidden = !chosen;
  if (!chosen) return card.replaceChildren();
  const { layer, feature } = chosen;
  const schema = layers.find((l) => l.id === layer);
  const position = plan.tiers.findIndex((t) => t.id === layer);
  const mark = position >= 0 ? palette.tiers[position % palette.tiers.length] : layer === "unserved" ? palette.unserved : palette.flow;
  card.style.setProperty("--mark", mark);
  const isSite = position >= 0 && feature.properties.load_t_per_day !== null;
  const rows = (schema?.properties ?? []).filter((p) => !(isSite && SKIPPED.includes(p.name)))
    .map((p) => [p, feature.properties[p.name]]).filter(([, value]) => value !== null && value !== undefined && value !== "");
  const body = rows.map(([p, value]) => h("tr", {}, h("td", {}, words.title(p.title).replace(/\s*\(.*\)$/, "")),
    h("td", {}, shown(p, value, words, plan))));
  const materials = (feature.materials ?? []).length > 1
    ? feature.materials.map(([id, t]) => h("tr", {}, h("td", {}, `· ${words.label(id, plan)}`), h("td", {}, figure(t, "t/day", "", words.lang()))))
    : [];
  card.replaceChildren(
    h("header", {}, h("h3", {}, feature.properties.name ?? feature.id, h("small", {}, words.title(schema?.title))),
      h("button", { class: "close", type: "button", "aria-label": words.text("page.close"), onclick: close }, "×")),
    ...(isSite ? [load(feature.properties, words)] : []), h("table", {}, body, materials));
  return undefined;
}

/** Load against capacity as a bar. */
function load({ load_t_per_day, capacity_t_per_day, utilisation_share }, words) {
  const zh = words.lang() === "zh";
  const unit = zh ? "吨/日" : "t/day";
  const share = utilisation_share ?? (capacity_t_per_day ? load_t_per_day / capacity_t_per_day : 0);
  return h("div", { class: "load" }, h("div", { class: "track" }, h("i", { style: `width:${Math.min(100, share * 100)}%` })),
    h("p", {}, h("b", {}, number(load_t_per_day)), ` / ${number(capacity_t_per_day ?? 0)} ${unit} · ${Math.round(share * 100)} %`));
}

function shown(property, value, words, plan) {
  if (typeof value === "boolean") return words.text(value ? "page.yes" : "page.no");
  if (property.name === "day") return words.text(`day.${value}`);
  if (property.unit === "s" && value >= 3600) return words.text("page.hours", { h: Math.floor(value / 3600), min: Math.round((value % 3600) / 60) });
  if (typeof value === "number") return figure(value, property.unit, property.name, words.lang());
  return CODES.includes(property.name) ? words.label(value, plan) : String(value);
}
