// The map: sources and layers from a run's own GeoJSON, nothing from outside. Tiers come from the plan, never by name here.

import { features, layerAddress } from "./api.js";
import { h } from "./dom.js";

const BIGGEST_PX = 22;
/** Layers fetched only when somebody wants to see them. */
export const LAZY = ["candidates", "assignments", "stops"];
const AREA_LAYERS = ["communities", "zones", "flows", "routes", "unserved"];
const EMPTY = { type: "FeatureCollection", features: [] };
const byZoom = (value) => ["interpolate", ["linear"], ["zoom"], 10, ["*", 0.7, value], 13, value, 16, ["*", 1.9, value]];
const MAJOR = ["motorway", "trunk", "primary"];
const MIDDLE = ["secondary", "tertiary"];

export function createMap(container, palette) {
  const map = new maplibregl.Map({
    container, attributionControl: false, dragRotate: false, pitchWithRotate: false, fadeDuration: 0,
    style: { version: 8, sources: {}, layers: [{ id: "paper", type: "background", paint: { "background-color": palette.paper } }] },
    center: [105, 35], zoom: 3, maxZoom: 18,
  });
  map.touchZoomRotate.disableRotation();
  map.addControl(new maplibregl.NavigationControl({ showCompass: false }), "top-right");
  map.addControl(new maplibregl.ScaleControl({ maxWidth: 130 }), "bottom-left");
  return { map, ready: new Promise((done) => map.once("load", done)), groups: new Map(), markers: [], data: new Map() };
}

/** Put a run on the map. `view.data` then holds its layers as fetched. */
export async function showRun(view, run, plan, names, palette, state) {
  await view.ready;
  clear(view);
  const tierIds = plan.tiers.map((tier) => tier.id);
  const wanted = names.filter((name) => [...AREA_LAYERS, ...tierIds].includes(name)
    || (LAZY.includes(name) && !state.hidden(name)));
  const loaded = await Promise.all(wanted.map(async (name) => [name, withIds(await features(run, name))]));
  view.data = new Map(loaded);
  view.run = run;
  const get = (name) => view.data.get(name) ?? EMPTY;
  const tiers = plan.tiers.filter((tier) => view.data.has(tier.id));
  const peak = Math.max(1e-9, ...tiers.flatMap((t) => get(t.id).features.map((f) => f.properties.load_t_per_day ?? 0)));
  view.pairs = pairFlows(get("flows"));

  addCommunities(view, get("communities"), palette);
  if (names.includes("streets")) addStreets(view, layerAddress(run, "streets")); // the worker fetches them itself
  addZones(view, get("zones"), palette);
  addCandidates(view, get("candidates"));
  addLines(view, "assignments", get("assignments"), { "line-color": palette.muted, "line-width": 0.8, "line-opacity": 0.55 });
  addFlows(view, palette);
  addRoutes(view, get("routes"), palette);
  addStops(view, get("stops"), palette);
  addHighlight(view, palette);
  addUnserved(view, get("unserved"), palette);
  tiers.forEach((tier, n) => addTier(view, tier.id, get(tier.id), n, peak, palette));
  applyVisibility(view, state);
  applyDay(view, state);
  const bbox = get("communities").bbox ?? get("zones").bbox;
  if (bbox) view.map.fitBounds(bbox, { padding: 36, animate: false });
}

/** Fetch what was left out at first and is now shown. */
export async function loadLazy(view, name) {
  if (!LAZY.includes(name) || view.data.has(name)) return;
  const data = withIds(await features(view.run, name));
  view.data.set(name, data);
  view.map.getSource(name)?.setData(data);
}

export function applyVisibility(view, state) {
  for (const [name, layers] of view.groups) {
    const shown = state.hidden(name) ? "none" : "visible";
    for (const layer of layers) view.map.setLayoutProperty(layer, "visibility", shown);
  }
  for (const marker of view.markers) marker.getElement().hidden = state.hidden("zones");
}

/** Tours of one day of the week, or of all days. */
export function applyDay(view, state) {
  const day = Number(state.get("day"));
  const filter = day ? ["==", ["get", "day"], day] : null;
  for (const group of ["routes", "stops"]) {
    for (const layer of view.groups.get(group) ?? []) view.map.setFilter(layer, filter);
  }
}

/** Ring around what was chosen, with all that runs to or from a site, or with the whole tour of a trip; null clears. */
export function highlight(view, chosen, isSite) {
  if (!view.map.getSource("highlight")) return;
  const id = chosen?.feature.properties._id;
  const get = (name) => (view.data.get(name) ?? EMPTY).features;
  const tour = chosen?.layer === "routes" ? chosen.feature.properties.tour_id : null;
  const point = chosen?.feature.geometry?.type === "Point";
  const lines = isSite ? [
    ...view.pairs.features.filter((f) => f.properties.from_id === id || f.properties.to_id === id),
    ...get("assignments").filter((f) => f.properties.site_id === id)]
    : tour !== null ? get("routes").filter((f) => f.properties.tour_id === tour) : chosen && !point ? [chosen.feature] : [];
  const mark = (feature, kind) => ({ type: "Feature", properties: { kind }, geometry: feature.geometry });
  const points = [...(point ? [mark(chosen.feature, "ring")] : []),
    ...(tour !== null ? get("stops").filter((f) => f.properties.tour_id === tour).map((f) => mark(f, "stop")) : [])];
  // a site fed by hundreds is shown with finer lines than one fed by a few
  const many = Math.min(1, 25 / Math.max(1, lines.length));
  view.map.setPaintProperty("highlight-line", "line-width", byZoom(tour !== null ? 3 : 0.6 + many));
  view.map.setPaintProperty("highlight-line", "line-opacity", 0.35 + 0.4 * many);
  view.map.getSource("highlight").setData({ type: "FeatureCollection", features: [...lines, ...points] });
}

/** Move the map where the card would hide a place; `card` is the card's width with its margins, in pixels. */
export function uncover(view, place, card) {
  const { clientWidth } = view.map.getContainer();
  const { x } = view.map.project(place);
  if (clientWidth > 2 * card && x > clientWidth - card) view.map.panBy([x - (clientWidth - card - 60), 0], { duration: 300 });
}

/** What is drawn near a point and can be asked about. */
export function hits(view, point) {
  const near = [[point.x - 4, point.y - 4], [point.x + 4, point.y + 4]];
  const layers = [...view.groups].filter(([name]) => !["streets", "zones"].includes(name)).flatMap(([, ids]) => ids);
  return view.map.queryRenderedFeatures(near, { layers });
}

/** The topmost feature at a point as {layer, feature}, sites before lines before areas; null where there is none. */
export function featureAt(view, point) {
  const order = (name) => (name === "communities" ? 2 : ["routes", "flows", "assignments"].includes(name) ? 1 : 0);
  const found = hits(view, point).sort((a, b) => order(a.source) - order(b.source));
  if (!found.length) return null;
  const { source, properties } = found[0];
  const data = source === "flows" ? view.pairs : view.data.get(source);
  const feature = data.features.find((f) => f.properties._id === properties._id);
  return feature ? { layer: source, feature } : null;
}

/** Flows of all materials between two sites as one line. */
function pairFlows(data) {
  const pairs = new Map();
  for (const feature of data.features) {
    const { from_id, to_id, material_id, flow_t_per_day, haul_cost_cny_per_year } = feature.properties;
    const key = `${from_id} → ${to_id}`;
    const pair = pairs.get(key) ?? {
      type: "Feature", id: key, geometry: feature.geometry,
      properties: { ...feature.properties, _id: key, material_id: undefined, flow_t_per_day: 0, flow_m3_per_day: 0,
        haul_cost_cny_per_year: 0 },
      materials: [],
    };
    pair.properties.flow_t_per_day += flow_t_per_day ?? 0;
    pair.properties.flow_m3_per_day += feature.properties.flow_m3_per_day ?? 0;
    pair.properties.haul_cost_cny_per_year += haul_cost_cny_per_year ?? 0;
    pair.materials.push([material_id, flow_t_per_day]);
    pairs.set(key, pair);
  }
  const sorted = [...pairs.values()].sort((a, b) => a.properties.flow_t_per_day - b.properties.flow_t_per_day);
  return { type: "FeatureCollection", features: sorted };
}

function withIds(data) {
  for (const feature of data.features) feature.properties._id = String(feature.id);
  return data;
}

function clear(view) {
  for (const layers of view.groups.values()) layers.forEach((id) => view.map.removeLayer(id));
  for (const id of ["highlight-line", "highlight-ring", "highlight-stop"]) if (view.map.getLayer(id)) view.map.removeLayer(id);
  for (const source of Object.keys(view.map.getStyle().sources)) view.map.removeSource(source);
  view.markers.forEach((marker) => marker.remove());
  view.groups = new Map();
  view.markers = [];
}

function add(view, group, layer) {
  view.map.addLayer(layer);
  view.groups.set(group, [...(view.groups.get(group) ?? []), layer.id]);
}

/** `data` is GeoJSON or the address of a layer. */
function source(view, name, data) {
  view.map.addSource(name, { type: "geojson", data, tolerance: 0.2 });
}

function addCommunities(view, data, palette) {
  source(view, "communities", data);
  const steps = palette.capture_breaks.flatMap((edge, n) => [edge, palette.capture_colours[n + 1]]);
  const share = ["coalesce", ["get", "capture_share"], 0];
  add(view, "communities", { id: "communities-fill", type: "fill", source: "communities",
    paint: { "fill-color": ["step", share, palette.capture_colours[0], ...steps], "fill-opacity": 0.82 } });
  add(view, "communities", { id: "communities-line", type: "line", source: "communities", minzoom: 12,
    paint: { "line-color": "#ffffff", "line-width": 0.6, "line-opacity": 0.8 } });
}

function addStreets(view, data) {
  source(view, "streets", data);
  const first = ["coalesce", ["get", "highway"], ""];
  const isOneOf = (names) => ["in", first, ["literal", names.flatMap((n) => [n, `${n}_link`])]];
  const ranks = [
    ["minor", ["!", ["any", isOneOf(MAJOR), isOneOf(MIDDLE)]], "#aaa594", 0.35, 0.4],
    ["middle", isOneOf(MIDDLE), "#9b9482", 0.8, 0.55],
    ["major", isOneOf(MAJOR), "#8f8672", 1.5, 0.65],
  ];
  for (const [rank, filter, colour, width, opacity] of ranks) {
    add(view, "streets", { id: `streets-${rank}`, type: "line", source: "streets", filter,
      layout: { "line-cap": "round", "line-join": "round" },
      paint: { "line-color": colour, "line-opacity": opacity,
        "line-width": ["interpolate", ["exponential", 1.5], ["zoom"], 10, width * 0.6, 13, width * 1.2, 17, width * 7] } });
  }
}

function addZones(view, data, palette) {
  addLines(view, "zones", data, { "line-color": "#5d646a", "line-width": 1.5, "line-dasharray": [4, 2.5] });
  for (const feature of data.features) {
    const label = h("div", { class: "zone" }, feature.properties.name ?? feature.id);
    view.markers.push(new maplibregl.Marker({ element: label }).setLngLat(middle(feature.geometry)).addTo(view.map));
  }
}

function addCandidates(view, data) {
  source(view, "candidates", data);
  add(view, "candidates", { id: "candidates", type: "circle", source: "candidates",
    filter: ["!=", ["get", "status"], "open"],
    paint: { "circle-radius": byZoom(2.2), "circle-stroke-width": 0.5, "circle-stroke-color": "#ffffff",
      "circle-color": ["match", ["get", "status"], "rejected", "#d08f86", "#7f8990"] } });
}

function addLines(view, name, data, paint) {
  source(view, name, data);
  add(view, name, { id: name, type: "line", source: name, layout: { "line-cap": "butt", "line-join": "round" }, paint });
}

function addFlows(view, palette) {
  const peak = Math.max(1e-9, ...view.pairs.features.map((f) => f.properties.flow_t_per_day));
  source(view, "flows", view.pairs);
  const width = ["max", 0.7, ["*", 9, ["sqrt", ["/", ["get", "flow_t_per_day"], peak]]]];
  add(view, "flows", { id: "flows", type: "line", source: "flows", layout: { "line-cap": "round" },
    paint: { "line-color": palette.flow, "line-width": byZoom(width),
      "line-opacity": ["interpolate", ["linear"], ["sqrt", ["/", ["get", "flow_t_per_day"], peak]], 0, 0.12, 0.3, 0.4, 1, 0.55] } });
}

function addRoutes(view, data, palette) {
  const bases = [...new Set(data.features.map((f) => f.properties.base_id))].sort();
  const colours = bases.flatMap((base, n) => [base, palette.routes[n % palette.routes.length]]);
  const colour = bases.length ? ["match", ["get", "base_id"], ...colours, palette.flow] : palette.flow;
  source(view, "routes", data);
  const layout = { "line-cap": "round", "line-join": "round" };
  add(view, "routes", { id: "routes-case", type: "line", source: "routes", layout,
    paint: { "line-color": "#ffffff", "line-width": byZoom(2.8), "line-opacity": 0.7 } });
  add(view, "routes", { id: "routes", type: "line", source: "routes", layout,
    paint: { "line-color": colour, "line-width": byZoom(1.5), "line-opacity": 0.95 } });
}

function addStops(view, data, palette) {
  source(view, "stops", data);
  add(view, "stops", { id: "stops", type: "circle", source: "stops",
    paint: { "circle-radius": byZoom(2.6), "circle-color": "#ffffff", "circle-stroke-color": palette.routes[0],
      "circle-stroke-width": 1.4 } });
}

function addHighlight(view, palette) {
  source(view, "highlight", EMPTY);
  view.map.addLayer({ id: "highlight-line", type: "line", source: "highlight", filter: ["!=", ["geometry-type"], "Point"],
    layout: { "line-cap": "round" }, paint: { "line-color": palette.ink, "line-width": byZoom(1.6), "line-opacity": 0.75 } });
  const kind = (name) => ["all", ["==", ["geometry-type"], "Point"], ["==", ["get", "kind"], name]];
  view.map.addLayer({ id: "highlight-ring", type: "circle", source: "highlight", filter: kind("ring"),
    paint: { "circle-radius": byZoom(16), "circle-color": palette.ink, "circle-opacity": 0.12,
      "circle-stroke-color": palette.ink, "circle-stroke-width": 2 } });
  view.map.addLayer({ id: "highlight-stop", type: "circle", source: "highlight", filter: kind("stop"),
    paint: { "circle-radius": byZoom(4), "circle-color": "#ffffff", "circle-stroke-color": palette.ink, "circle-stroke-width": 2 } });
}

/** Circles whose area grows with the load; a floor per tier keeps small sites visible and tiers apart. */
function addTier(view, name, data, position, peak, palette) {
  const floor = 2.2 + 2.6 * position;
  const load = ["max", 0, ["coalesce", ["get", "load_t_per_day"], 0]];
  const radius = ["max", floor, ["*", BIGGEST_PX, ["sqrt", ["/", load, peak]]]];
  source(view, name, data);
  add(view, name, { id: name, type: "circle", source: name,
    layout: { "circle-sort-key": ["-", load] },
    paint: { "circle-radius": byZoom(radius), "circle-color": palette.tiers[position % palette.tiers.length],
      "circle-opacity": 0.9, "circle-stroke-color": "#ffffff", "circle-stroke-width": byZoom(0.7 + 0.5 * position) } });
}

/** Rings whose area grows with the tonnes left behind. */
function addUnserved(view, data, palette) {
  const peak = Math.max(1e-9, ...data.features.map((f) => f.properties.unserved_t_per_day ?? 0));
  const tonnes = ["max", 0, ["coalesce", ["get", "unserved_t_per_day"], 0]];
  source(view, "unserved", data);
  add(view, "unserved", { id: "unserved", type: "circle", source: "unserved",
    paint: { "circle-radius": byZoom(["max", 1.6, ["*", 5.5, ["sqrt", ["/", tonnes, peak]]]]), "circle-color": "#ffffff",
      "circle-stroke-color": palette.unserved, "circle-stroke-width": byZoom(1.6) } });
}

/** Area centroid of the largest outer ring. */
function middle(geometry) {
  const rings = (geometry.type === "Polygon" ? [geometry.coordinates] : geometry.coordinates).map((p) => p[0]);
  let best = { area: -1, at: [0, 0] };
  for (const ring of rings) {
    const [x0, y0] = ring[0];
    let [area, x, y] = [0, 0, 0];
    for (let n = 0; n + 1 < ring.length; n += 1) {
      const [ax, ay, bx, by] = [ring[n][0] - x0, ring[n][1] - y0, ring[n + 1][0] - x0, ring[n + 1][1] - y0];
      const cross = ax * by - bx * ay;
      area += cross; x += (ax + bx) * cross; y += (ay + by) * cross;
    }
    if (Math.abs(area) > best.area) best = { area: Math.abs(area), at: [x0 + x / (3 * area || 1), y0 + y / (3 * area || 1)] };
  }
  return best.at;
}
