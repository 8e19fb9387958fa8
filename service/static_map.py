"""The map of the report as inline SVG, drawn from the study's own vectors: no tile, no font, no request.

Drawn in a local equirectangular projection (true to scale within a city); 1 unit is a tenth of a drawing unit inside
the map group, so that paths are short integers.
"""

from __future__ import annotations

import html
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely
from numpy.typing import NDArray

from optimizer.network import Title
from service.figures import number
from service.palette import Palette, load_palette, street_rank
from service.plan_json import PlanJson
from service.texts import Texts

if TYPE_CHECKING:
    import geopandas

METRES_PER_DEGREE = 111_320.0
WIDTH, LEGEND_WIDTH, MAX_HEIGHT, MARGIN = 760.0, 236.0, 900.0, 14.0
LARGEST_CIRCLE, WIDEST_FLOW, CREDIT_HEIGHT = 17.0, 7.0, 16.0
Layers = Mapping[str, "geopandas.GeoDataFrame"]


@dataclass(frozen=True)
class Frame:
    """From degrees to drawing units: x = (lon - west) * x_scale, y = (north - lat) * y_scale."""

    west: float
    north: float
    x_scale: float
    y_scale: float
    height: float

    def to_units(self, lonlat: NDArray[np.float64]) -> NDArray[np.float64]:
        """Drawing units of [n, 2] degrees."""
        return np.column_stack([(lonlat[:, 0] - self.west) * self.x_scale + MARGIN,
                                (self.north - lonlat[:, 1]) * self.y_scale + MARGIN])

    @property
    def metres_per_unit(self) -> float:
        """Ground metres of one drawing unit."""
        return METRES_PER_DEGREE / self.y_scale


def draw_map(plan: PlanJson, layers: Layers, streets: geopandas.GeoDataFrame, texts: Texts) -> str:
    """The plan as one <svg>: communities by captured share, faint streets, flows, sites sized by load, legend.

    Layers are in WGS 84. Texts stand in both languages, marked by `lang`; the page shows one of them.
    """
    palette = load_palette()
    frame = _frame([layers[n] for n in ("zones", "communities", *(t.id for t in plan.tiers)) if n in layers])
    tiers = [layers[t.id] for t in plan.tiers if t.id in layers]
    peak_t = max((float(t["load_t_per_day"].max()) for t in tiers if len(t)), default=1.0) or 1.0
    parts = [
        _communities(layers.get("communities"), frame, palette),
        _streets(streets, frame),
        _zones(layers.get("zones"), frame, palette),
        _flows(layers.get("flows"), frame, palette),
        _unserved(layers.get("unserved"), frame, palette),
        *(_sites(tier, number, peak_t, frame, palette) for number, tier in enumerate(tiers)),
        _zone_names(layers.get("zones"), frame, palette),
    ]
    total = WIDTH + LEGEND_WIDTH
    label = html.escape(texts.en.text("report.map"))
    return (f'<svg class="map" viewBox="0 0 {total:g} {frame.height:.0f}" role="img" aria-label="{label}" '
            f'xmlns="http://www.w3.org/2000/svg"><clipPath id="frame"><rect width="{WIDTH:g}" '
            f'height="{frame.height:.0f}" rx="4"/></clipPath><g clip-path="url(#frame)">'
            f'<rect width="{WIDTH:g}" height="{frame.height:.0f}" fill="{palette.paper}"/>'
            f'<g transform="scale(.1)">{"".join(parts)}</g></g>{_scale_bar(frame, palette)}'
            f"{_north(frame, palette, texts)}"
            f"{_legend(plan, peak_t, palette, texts)}{_credit(plan, frame, palette)}</svg>")


def circle_radius(load_t_per_day: float, peak_t_per_day: float, tier_number: int) -> float:
    """Radius in drawing units: area in proportion to the load, with a floor that keeps small sites visible."""
    floor = 1.8 + 2.2 * tier_number
    return max(floor, LARGEST_CIRCLE * math.sqrt(max(load_t_per_day, 0.0) / peak_t_per_day))


def _frame(layers: list[geopandas.GeoDataFrame]) -> Frame:
    bounds = np.array([layer.total_bounds for layer in layers if len(layer)])
    if not len(bounds):
        return Frame(0.0, 0.0, 1.0, 1.0, 200.0)
    west, south = bounds[:, :2].min(axis=0)
    east, north = bounds[:, 2:].max(axis=0)
    ratio = math.cos(math.radians((south + north) / 2))
    y_scale = min((WIDTH - 2 * MARGIN) / max((east - west) * ratio, 1e-6),
                  (MAX_HEIGHT - 2 * MARGIN) / max(north - south, 1e-6))
    slack = (WIDTH - 2 * MARGIN) / (y_scale * ratio) - (east - west)  # a tall area stands in the middle
    return Frame(float(west - slack / 2), float(north), float(y_scale * ratio), float(y_scale),
                 float(max((north - south) * y_scale + 2 * MARGIN, 420.0)))


def _units(geometries: Iterable[shapely.Geometry], frame: Frame, tolerance: float) -> NDArray[np.object_]:
    """Geometries in tenths of drawing units, simplified."""
    drawn = shapely.transform(np.array(list(geometries), dtype=object), lambda xy: frame.to_units(xy) * 10)
    return np.asarray(shapely.simplify(drawn, tolerance * 10), dtype=object)


def _path(xy: NDArray[np.float64], close: bool = False) -> str:
    """SVG path data with whole-number relative steps."""
    points = np.round(xy).astype(int)
    steps = np.diff(points, axis=0)
    steps = steps[(steps != 0).any(axis=1)]
    if not len(steps):
        return ""
    body = " ".join(f"{dx} {dy}" for dx, dy in steps.tolist())
    return f"M{points[0][0]} {points[0][1]}l{body}{'z' if close else ''}".replace(" -", "-")


def _line_paths(geometries: NDArray[np.object_]) -> str:
    return "".join(_path(shapely.get_coordinates(line)) for line in shapely.get_parts(geometries))


def _ring_paths(geometry: shapely.Geometry) -> str:
    rings = shapely.get_rings(shapely.get_parts(geometry))
    return "".join(_path(shapely.get_coordinates(ring), close=True) for ring in rings)


def _communities(layer: geopandas.GeoDataFrame | None, frame: Frame, palette: Palette) -> str:
    if layer is None or not len(layer):
        return ""
    by_colour: dict[str, list[str]] = defaultdict(list)
    for share, shape in zip(layer["capture_share"], _units(layer.geometry, frame, 0.3), strict=True):
        by_colour[palette.capture(0.0 if share is None or share != share else float(share))].append(_ring_paths(shape))
    return "".join(f'<path d="{"".join(paths)}" fill="{colour}" fill-rule="evenodd" stroke="#fff" stroke-width="3"/>'
                   for colour, paths in by_colour.items())


def _streets(streets: geopandas.GeoDataFrame, frame: Frame) -> str:
    """One path per rank of street, the small ones first."""
    if not len(streets):
        return ""
    ranks = np.array([street_rank(h) for h in streets["highway"]]) if "highway" in streets else None
    if ranks is None:
        ranks = np.full(len(streets), "minor")
    shapes = streets.geometry.to_numpy()
    drawn = []
    for rank, width in (("minor", 3), ("middle", 6), ("major", 11)):
        lines = _units(shapes[ranks == rank], frame, 0.4)
        drawn.append(f'<path d="{_line_paths(lines)}" fill="none" stroke="#8d8877" stroke-opacity=".38" '
                     f'stroke-width="{width}"/>')
    return "".join(drawn)


def _zones(layer: geopandas.GeoDataFrame | None, frame: Frame, palette: Palette) -> str:
    if layer is None or not len(layer):
        return ""
    paths = "".join(_ring_paths(shape) for shape in _units(layer.geometry, frame, 0.4))
    return (f'<path d="{paths}" fill="none" stroke="{palette.zone_line}" stroke-width="12" '
            'stroke-dasharray="40 24"/>')


def _flows(layer: geopandas.GeoDataFrame | None, frame: Frame, palette: Palette) -> str:
    """All materials of a pair of sites together; the smallest flows first."""
    if layer is None or not len(layer):
        return ""
    tonnes: dict[tuple[str, str], float] = defaultdict(float)
    shapes: dict[tuple[str, str], shapely.Geometry] = {}
    for origin, destination, t, shape in zip(layer["from_id"], layer["to_id"], layer["flow_t_per_day"],
                                             layer.geometry, strict=True):
        tonnes[origin, destination] += float(t)
        shapes[origin, destination] = shape
    peak = max(tonnes.values()) or 1.0
    pairs = sorted(tonnes, key=lambda pair: (round(tonnes[pair], 6), pair))
    lines = _units([shapes[pair] for pair in pairs], frame, 0.4)
    return "".join(
        f'<path d="{_line_paths(np.array([line], dtype=object))}" fill="none" stroke="{palette.flow}" '
        f'stroke-opacity="{0.28 + 0.34 * math.sqrt(tonnes[pair] / peak):.2f}" stroke-linecap="round" '
        f'stroke-width="{max(5.0, 10 * WIDEST_FLOW * math.sqrt(tonnes[pair] / peak)):.0f}"/>'
        for pair, line in zip(pairs, lines, strict=True))


def _sites(layer: geopandas.GeoDataFrame, number_of_tier: int, peak_t: float, frame: Frame, palette: Palette) -> str:
    circles = []
    for load, place in zip(layer["load_t_per_day"], _units(layer.geometry, frame, 0.0), strict=True):
        radius = circle_radius(float(load), peak_t, number_of_tier) * 10
        circles.append(f'<circle cx="{place.x:.0f}" cy="{place.y:.0f}" r="{radius:.0f}"/>')
    return (f'<g fill="{palette.tier(number_of_tier)}" fill-opacity=".88" stroke="#fff" '
            f'stroke-width="{5 + 4 * number_of_tier}">{"".join(circles)}</g>')


def _unserved(layer: geopandas.GeoDataFrame | None, frame: Frame, palette: Palette) -> str:
    if layer is None or not len(layer):
        return ""
    peak = max(float(layer["unserved_t_per_day"].max()), 1e-9)
    marks = []
    for tonnes, p in zip(layer["unserved_t_per_day"], _units(layer.geometry, frame, 0.0), strict=True):
        half = max(22.0, 62.0 * math.sqrt(float(tonnes) / peak))
        marks.append(f"M{p.x:.0f} {p.y - half:.0f}l{half:.0f} {half:.0f}-{half:.0f} {half:.0f}-{half:.0f}-{half:.0f}z")
    return f'<path d="{"".join(marks)}" fill="{palette.unserved}" stroke="#fff" stroke-width="6"/>'


def _zone_names(layer: geopandas.GeoDataFrame | None, frame: Frame, palette: Palette) -> str:
    """The zones' own names, once per zone, on a light ground so that they read on any colour."""
    if layer is None or not len(layer) or "name" not in layer:
        return ""
    places = _units(layer.geometry.representative_point(), frame, 0.0)
    return "\n".join(
        f'<text x="{p.x:.0f}" y="{p.y:.0f}" font-size="150" font-weight="600" text-anchor="middle" '
        f'fill="{palette.ink}" stroke="#fff" stroke-width="40" stroke-opacity=".85" paint-order="stroke">'
        f"{html.escape(str(name))}</text>"
        for name, p in zip(layer["name"], places, strict=True) if name and name == name)


def _scale_bar(frame: Frame, palette: Palette) -> str:
    """A bar of 1, 2 or 5 times a power of ten, at most a quarter of the map."""
    room_m = WIDTH / 4 * frame.metres_per_unit
    power = 10.0 ** math.floor(math.log10(room_m))
    length_m = next(power * k for k in (5, 2, 1) if power * k <= room_m)
    length = length_m / frame.metres_per_unit
    text = f"{number(length_m / 1000)} km" if length_m >= 1000 else f"{length_m:.0f} m"
    x, y = MARGIN + 4, frame.height - MARGIN - CREDIT_HEIGHT
    return (f'<g font-size="12" fill="{palette.ink}"><rect x="{x - 6}" y="{y - 26:.0f}" '
            f'width="{length + 12:.0f}" height="32" fill="#fff" fill-opacity=".82" rx="3"/>'
            f'<path d="M{x} {y - 6:.1f}v6h{length:.1f}v-6" fill="none" '
            f'stroke="{palette.ink}" stroke-width="1.6"/><text x="{x + length / 2:.1f}" y="{y - 10:.1f}" '
            f'text-anchor="middle">{text}</text></g>')


def _north(frame: Frame, palette: Palette, texts: Texts) -> str:
    return (f'<g transform="translate({WIDTH + LEGEND_WIDTH - 34:g} {frame.height - 58:.0f})" fill="{palette.ink}">'
            '<path d="M0 0l8 24-8-6-8 6z"/>'
            f'<g font-size="12" text-anchor="middle">{_text(0, 37, texts.title("map.north"))}</g></g>')


def _legend(plan: PlanJson, peak_t: float, palette: Palette, texts: Texts) -> str:
    x, y = WIDTH + 18, 18.0
    rows = [f'<g font-weight="600">{_text(x, y, texts.title("map.legend"))}</g>']
    for position, tier in enumerate(plan.tiers):
        y += 24
        rows.append(f'<circle cx="{x + 9}" cy="{y - 4:.1f}" r="{4.5 + 1.7 * position:.1f}" '
                    f'fill="{palette.tier(position)}"/>')
        count = f" ({tier.open_count:,})"
        rows.append(_text(x + 26, y, Title(zh=tier.title.zh + count, en=tier.title.en + count)))
    y += 30
    rows.append(f'<g fill="{palette.muted}">{_text(x, y, texts.title("map.load_scale"))}</g>')
    y += 12
    offset = x
    for load in _round_loads(peak_t):
        radius = circle_radius(load, peak_t, 0)
        rows.append(f'<circle cx="{offset + radius:.1f}" cy="{y + LARGEST_CIRCLE:.1f}" r="{radius:.1f}" fill="none" '
                    f'stroke="{palette.ink}"/>')
        offset += 2 * radius + 5
        label = Title(zh=f"{number(load)} 吨/日", en=f"{number(load)} t/day")
        rows.append(_text(offset, y + LARGEST_CIRCLE + 4, label))
        offset += 62
    y += 2 * LARGEST_CIRCLE + 24
    rows.append(f'<g font-weight="600">{_text(x, y, texts.title("map.capture"))}</g>')
    for capture in palette.capture_classes():
        y += 19
        rows.append(f'<rect x="{x}" y="{y - 11:.1f}" width="18" height="13" fill="{capture.colour}" stroke="#cfcabb"/>')
        rows.append(f'<text x="{x + 26}" y="{y:.1f}">{capture.label}</text>')
    lines = [("map.flows", palette.flow, 4, ""), ("map.streets", "#b5b0a2", 2, ""),
             ("map.zones", palette.zone_line, 1.6, ' stroke-dasharray="4 2.4"')]
    y += 10
    for key, colour, width, dash in lines:
        y += 21
        rows.append(f'<path d="M{x} {y - 4:.1f}h18" stroke="{colour}" stroke-width="{width}"{dash}/>')
        rows.append(_text(x + 26, y, texts.title(key)))
    y += 21
    rows.append(f'<path d="M{x + 9} {y - 10:.1f}l6 6-6 6-6-6z" fill="{palette.unserved}"/>')
    rows.append(_text(x + 26, y, texts.title("map.unserved")))
    return f'<g font-size="13" fill="{palette.ink}">{"".join(rows)}</g>'


def _round_loads(peak_t: float) -> list[float]:
    """Two round loads that show the scale: about the peak and a tenth of it."""
    power = 10.0 ** math.floor(math.log10(peak_t))
    top = next(power * k for k in (5, 2, 1) if power * k <= peak_t * 1.0001)
    return [top, top / 10]


def _credit(plan: PlanJson, frame: Frame, palette: Palette) -> str:
    text = html.escape("; ".join(plan.attribution))
    return (f'<text x="{WIDTH - 8:g}" y="{frame.height - 8:.0f}" font-size="10.5" text-anchor="end" '
            f'fill="{palette.ink}" stroke="#fff" stroke-width="4" stroke-opacity=".9" '
            f'paint-order="stroke">{text}</text>')


def _text(x: float, y: float, title: Title) -> str:
    return "".join(f'<text lang="{language}" x="{x:g}" y="{y:g}">{html.escape(text)}</text>'
                   for language, text in (("zh", title.zh), ("en", title.en)))
