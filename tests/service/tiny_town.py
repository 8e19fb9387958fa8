"""A town of twelve blocks that runs through the whole pipeline in seconds, and a street whose plan fits on a page.

Metres from the corner of tests/town.py. Streets are 200 m apart; the one at y = 200 may be driven eastwards only, the
one at y = 400 westwards only. The zones meet at x = 400. Parcels lie north of the town.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import geopandas as gpd
import shapely
import yaml
from typer.testing import CliRunner, Result

from service.cli import app
from tests.town import CRS, ORIGIN_X, ORIGIN_Y, Town, line, square

PACKAGED = Path(__file__).parents[2] / "configs" / "networks" / "urban_three_tier.yaml"
COLUMNS, ROWS = (0, 200, 400, 600, 800), (0, 200, 400, 600)
PERSONS = 12_000
QUICK = {"iterations": 50, "threads": 1}


def box(x: float, y: float, width: float, height: float) -> shapely.Polygon:
    """A rectangle with its lower left corner at (x, y) m from the town's corner."""
    return shapely.box(ORIGIN_X + x, ORIGIN_Y + y, ORIGIN_X + x + width, ORIGIN_Y + y + height)


class TinyTown(Town):
    """Twelve communities of 12,000 persons, one of them empty houses; six parcels; two zones."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        folder.mkdir(parents=True, exist_ok=True)
        corners = [(x + 25, y + 25) for y in ROWS[:-1] for x in COLUMNS[:-1]]
        persons = [PERSONS + 100 * n for n in range(len(corners))]
        persons[-1] = 0
        self.layers["communities"] = gpd.GeoDataFrame(
            {"id": [f"C{n}" for n in range(len(corners))], "population": persons},
            geometry=[square(x, y, 150) for x, y in corners], crs=CRS)
        across = [line((a, y), (a + 200, y)) for y in ROWS for a in COLUMNS[:-1]]
        oneway = [{200: "yes", 400: "-1"}.get(y, "no") for y in ROWS for _ in COLUMNS[:-1]]
        along = [line((x, a), (x, a + 200)) for x in COLUMNS for a in ROWS[:-1]]
        self.layers["roads"] = gpd.GeoDataFrame(
            {"highway": ["residential"] * len(across) + ["tertiary"] * len(along),
             "oneway": oneway + ["no"] * len(along)}, geometry=[*across, *along], crs=CRS)
        self.layers["land"] = gpd.GeoDataFrame(
            {"id": ["P1", "P2", "P3", "P4", "P5", "P6"], "land_use": ["3", "3", "3", "3", "3", "0"]},
            geometry=[box(10, 610, 150, 150), box(410, 610, 100, 60), box(530, 610, 60, 40), box(210, 610, 40, 20),
                      box(610, 610, 20, 20), box(650, 610, 100, 100)], crs=CRS)
        self.layers["zones"] = gpd.GeoDataFrame(
            {"id": ["W", "E"], "name": ["西区", "东区"]},
            geometry=[box(-100, -100, 500, 1000), box(400, -100, 500, 1000)], crs=CRS)
        screening = {"transfer_station": {"min_area_m2": 500, "land_use": ["3"]},
                     "sorting_center": {"min_area_m2": 2500, "land_use": ["3"]}}
        self.study |= {"study": "tiny_town", "screening": screening, "solve": {**QUICK, "time_limit_s": 300, "seed": 1},
                       "routing": {**QUICK, "time_limit_s": 300, "seed": 1}}

    def add_existing(self, *sites: tuple[str, str, str, str, tuple[float, float], float]) -> None:
        """Existing sites as (id, tier, status, size, (x, y), closing cost in CNY)."""
        self.layers["existing_sites"] = gpd.GeoDataFrame(
            {"id": [s[0] for s in sites], "tier": [s[1] for s in sites], "status": [s[2] for s in sites],
             "size": [s[3] for s in sites], "closing_cost_cny": [s[5] for s in sites]},
            geometry=[shapely.Point(ORIGIN_X + s[4][0], ORIGIN_Y + s[4][1]) for s in sites], crs=CRS)
        self.study["inputs"]["existing_sites"] = {"path": "town.gpkg", "layer": "existing_sites"}

    def add_network(self, name: str, network: dict[str, Any]) -> None:
        """A network of the study's own."""
        self.study["network"] = name
        self._config("networks", name, {**network, "network": name})

    def add_rule(self, name: str, *clauses: dict[str, Any]) -> None:
        """A rule of the study's own; clauses without title and source get one."""
        words = {"title": {"zh": "条", "en": "clause"}, "source": "this test", "mark": "A"}
        self.study["rules"] = [name]
        self._config("rules", name, {"schema_version": 1, "rule": name, "issued": "2025", **words,
                                     "clauses": [{**clause, **words} for clause in clauses]})

    def _config(self, kind: str, name: str, content: dict[str, Any]) -> None:
        folder = self.folder / kind
        folder.mkdir(exist_ok=True)
        plain = json.loads(json.dumps(content))  # no object twice: YAML aliases are refused
        text = yaml.safe_dump(plain, allow_unicode=True, sort_keys=False)
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")


def packaged_network() -> dict[str, Any]:
    """The packaged network as data, to be changed."""
    return dict(yaml.safe_load(PACKAGED.read_text(encoding="utf-8")))


def recynet(*words: object) -> Result:
    """A command of the program with its exit code; a traceback of ours is raised here."""
    result = CliRunner().invoke(app, [str(w) for w in words])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def features(folder: Path, layer: str) -> list[dict[str, Any]]:
    """Properties of a layer's features with their `id`, in the order of the file."""
    document = json.loads((folder / "layers" / f"{layer}.geojson").read_text(encoding="utf-8"))
    return [{**f["properties"], "id": f["id"]} for f in document["features"]]


def plan_of(folder: Path) -> dict[str, Any]:
    """plan.json."""
    return dict(json.loads((folder / "plan.json").read_text(encoding="utf-8")))


# -- one street ---------------------------------------------------------------------------------------------

ONE_STREET: dict[str, Any] = {
    "schema_version": 1, "title": {"zh": "一条街", "en": "One street"}, "persons_per_household": 2.5,
    "materials": [{"id": "paper", "title": {"zh": "废纸", "en": "Paper"}, "kg_per_person_day": 1.0,
                   "density_t_per_m3": {"loose": 0.2}, "price_cny_per_t": 1000, "residue_share": 0.1}],
    "vehicles": [{"id": "van", "title": {"zh": "车", "en": "Van"}, "payload_t": 2, "volume_m3": 20, "fill_share": 0.9,
                  "cost_cny_per_km": 2, "fixed_cny_per_day": 300, "crew_cny_per_day": 465, "co2_kg_per_km": 0.5,
                  "shift_s": 28800, "break_s": 1260, "stop_s": 360, "load_s_per_t": 900, "unload_s": 720,
                  "speed_km_per_h": {"default": 18}}],
    "tiers": [
        {"id": "collection_point", "title": {"zh": "点", "en": "Point"}, "candidates": "streets", "state": "loose",
         "life_years": 10, "sizes": [{"id": "point", "type": "staffed", "title": {"zh": "点", "en": "Point"},
                                      "capacity_t_per_day": 2, "area_m2": 10, "build_cost_cny": 60000,
                                      "fixed_cost_cny_per_year": 10000}]},
        {"id": "transfer_station", "title": {"zh": "站", "en": "Station"}, "candidates": "land", "state": "loose",
         "feed": {"vehicle": "van", "state": "loose", "single_source": True, "stops_per_t": 2,
                  "detour_m_per_stop": 250},
         "life_years": 15, "variable_cost_cny_per_t": 80,
         "sizes": [{"id": "station", "type": "plain", "title": {"zh": "站", "en": "Station"}, "capacity_t_per_day": 20,
                    "area_m2": 500, "build_cost_cny": 30000, "fixed_cost_cny_per_year": 20000}]},
        {"id": "sorting_center", "title": {"zh": "中心", "en": "Centre"}, "candidates": "land", "state": "loose",
         "feed": {"vehicle": "van", "state": "loose"}, "life_years": 20, "variable_cost_cny_per_t": 200,
         "removes_residue": True,
         "sizes": [{"id": "centre", "type": "plain", "title": {"zh": "心", "en": "Centre"}, "capacity_t_per_day": 20,
                    "area_m2": 2000, "build_cost_cny": 40000, "fixed_cost_cny_per_year": 30000}]}],
    "money": {"discount_rate": 0.0, "unserved_cny_per_t": 300, "residue_cny_per_t": 221, "carbon_cny_per_t": 100},
}


def one_street(folder: Path) -> TinyTown:
    """1000 persons in an L-shaped block, one street of 1000 m, one parcel.

    Only the foot of the block, x = 100 to 200, lies along the street: its residents stand at x = 150. Its middle is at
    x = 300, where the street has the one candidate point. The parcel's tip is nearest to the street at x = 700.
    """
    town = TinyTown(folder)

    def at(*points: tuple[float, float]) -> shapely.Polygon:
        return shapely.Polygon([(ORIGIN_X + x, ORIGIN_Y + y) for x, y in points])

    block = at((100, 5), (200, 5), (200, 16), (410, 16), (410, 115), (190, 115), (190, 15), (100, 15))
    town.layers |= {
        "communities": gpd.GeoDataFrame({"id": ["C"], "population": [1000]}, geometry=[block], crs=CRS),
        "roads": gpd.GeoDataFrame({"highway": ["residential"]}, geometry=[line((0, 0), (1000, 0))], crs=CRS),
        "land": gpd.GeoDataFrame({"id": ["P"], "land_use": ["3"]}, crs=CRS,
                                 geometry=[at((700, 10), (750, 110), (650, 110))]),
        "zones": gpd.GeoDataFrame({"id": ["Z"], "name": ["Z"]}, geometry=[box(-100, -100, 1200, 400)], crs=CRS)}
    town.study |= {"study": "one_street", "candidates": {"spacing_m": 2000}, "screening": {}}
    town.add_network("one_street", ONE_STREET)
    return town
