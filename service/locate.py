"""Classic siting problems on map layers: demand and candidates in, open sites and assigned clients out.

Distances are walked or driven along streets where roads are given, else straight lines in the metric system of the
area; every row says which. Streets are searched by `geodata`, the problems are solved by `optimizer.classic`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geodata.crs import metric_crs_for, to_metric
from geodata.roads import NoStreetError, Profile, Snap, access_for, read_streets, walking
from geodata.tables import did_you_mean
from geodata.travel import graph_with, times
from optimizer.classic.capacitated_p_median import capacitated_p_median
from optimizer.classic.cflp import cflp
from optimizer.classic.common import ClassicInputError, ClassicResult
from optimizer.classic.covering import lscp, mclp
from optimizer.classic.p_center import p_center
from optimizer.classic.p_median import p_median
from optimizer.classic.single_source import sscflp

Float = NDArray[np.float64]
Int = NDArray[np.int64]
DistanceKind = Literal["street", "straight_line"]


class LocateError(ValueError):
    """A question that cannot be asked of these layers: one line that names the layer, column or argument."""


@dataclass(frozen=True)
class LocateOptions:
    """What is asked, and which columns hold what. Column names are None where there is no such column."""

    p: int | None = None
    """Number of sites: p-median, p-center, mclp, cpmp; the most sites for cflp and sscflp."""
    radius_m: float | None = None
    """Reach of a site: lscp, mclp."""
    weight: str | None = None
    """Column of the demand layer (default: every client weighs 1); lscp and p-center count every client alike."""
    capacity: str | None = None
    """Column of the candidate layer, in the unit of the weight: cflp, sscflp, cpmp."""
    fixed_cost: str | None = None
    """Column of the candidate layer: cflp, sscflp, uflp."""
    cost_per_unit_m: float = 1.0
    """Money for moving one unit of weight by one metre, where fixed costs are money."""
    required: str | None = None
    """Column of the candidate layer with true where a site must be open."""
    forbidden: str | None = None
    """Column of the candidate layer with true where a site must stay closed."""
    id: str = "id"
    """Column of either layer that names its features; where it is missing, row numbers do."""
    profile: Profile | None = None
    """Who travels on the roads (default: on foot); the least duration decides, metres are counted."""
    time_limit_s: float = 60.0
    seed: int = 1


@dataclass(frozen=True)
class Located:
    """The answer: both layers with their columns kept, in the systems they came in, and the solver's result."""

    sites: gpd.GeoDataFrame
    """Candidates with site_id, open, load (weight served), client_count."""
    clients: gpd.GeoDataFrame
    """Demand with site_id (None: not served), distance_m, site_count (above 1 where demand is split),
    distance_kind."""
    result: ClassicResult
    distance_kind: DistanceKind


@dataclass(frozen=True)
class Numbers:
    """The question as arrays."""

    distance_m: Float
    """[clients, sites], inf where there is no way."""
    weight: Float
    capacity: Float | None
    fixed_cost: Float | None
    required: Int
    forbidden: Int
    options: LocateOptions

    @property
    def cost(self) -> Float:
        """Cost of serving a client whole, [clients, sites]."""
        with np.errstate(invalid="ignore"):
            cost = self.weight[:, None] * self.distance_m * self.options.cost_per_unit_m
        return np.asarray(np.where(np.isinf(self.distance_m), np.inf, cost), dtype=np.float64)


def locate(problem: str, demand: gpd.GeoDataFrame, candidates: gpd.GeoDataFrame,
           options: LocateOptions | None = None, *, roads: gpd.GeoDataFrame | None = None) -> Located:
    """Sites for a classic problem: lscp, mclp, p-median, p-center, cflp, uflp, sscflp or cpmp.

    Layers need a CRS and points or polygons; with `roads` (lines) distances follow streets in the direction from
    client to site, the way from feature to street included, else they are straight lines between points (of polygons
    a point inside). Always answers with incumbent, bound, gap and status; without a plan no site is open and
    `result.reason` says why. Raises LocateError for a question that cannot be asked.
    """
    options = options or LocateOptions()
    if problem not in _CALLS:
        raise LocateError(f"unknown problem '{problem}'{did_you_mean(problem, _CALLS)}; known: {', '.join(_CALLS)}")
    for name, layer in (("demand", demand), ("candidates", candidates), ("roads", roads)):
        if layer is not None:
            _check_layer(name, layer)
    crs = metric_crs_for(demand)
    distance_m, kind = _distances(to_metric(demand, crs), to_metric(candidates, crs),
                                  None if roads is None else to_metric(roads, crs), options.profile)
    numbers = Numbers(
        distance_m, np.ones(len(demand)) if options.weight is None else _column(demand, "demand", options.weight),
        None if options.capacity is None else _column(candidates, "candidates", options.capacity),
        None if options.fixed_cost is None else _column(candidates, "candidates", options.fixed_cost),
        _marked(candidates, options.required), _marked(candidates, options.forbidden), options)
    try:
        result = _CALLS[problem](numbers)
    except ClassicInputError as error:
        raise LocateError(str(error)) from error
    return _located(demand, candidates, numbers, result, kind)


def _check_layer(name: str, layer: gpd.GeoDataFrame) -> None:
    if layer.crs is None:
        raise LocateError(f"{name}: the layer has no CRS")
    if len(layer) == 0:
        raise LocateError(f"{name}: the layer is empty")
    bad = layer.geometry.isna() | layer.geometry.is_empty
    if bad.any():
        raise LocateError(f"{name}: row {int(np.flatnonzero(bad)[0])} has no geometry")


def _column(layer: gpd.GeoDataFrame, name: str, column: str) -> Float:
    if column not in layer.columns:
        raise LocateError(f"{name}: there is no column '{column}'{did_you_mean(column, map(str, layer.columns))}")
    values: Float = np.asarray(pd.to_numeric(layer[column], errors="coerce"), dtype=np.float64)
    wrong = np.flatnonzero(np.isnan(values))
    if len(wrong):
        raise LocateError(f"{name}: row {wrong[0]} of column '{column}' holds no number")
    return values


def _marked(candidates: gpd.GeoDataFrame, column: str | None) -> Int:
    if column is None:
        return np.zeros(0, dtype=np.int64)
    return np.flatnonzero(_column(candidates, "candidates", column) != 0)


def _distances(demand: gpd.GeoDataFrame, candidates: gpd.GeoDataFrame, roads: gpd.GeoDataFrame | None,
               profile: Profile | None) -> tuple[Float, DistanceKind]:
    """Metres from every client to every site, [clients, sites], and how they were measured."""
    clients, sites = (frame.geometry.to_numpy() for frame in (demand, candidates))
    if roads is None:
        here = shapely.get_coordinates(shapely.point_on_surface(clients))
        there = shapely.get_coordinates(shapely.point_on_surface(sites))
        apart = here[:, None, :] - there[None, :, :]
        return np.asarray(np.hypot(apart[..., 0], apart[..., 1]), dtype=np.float64), "straight_line"
    try:
        access = access_for(read_streets(roads), profile or walking())
    except NoStreetError as error:
        raise LocateError(f"roads: {error}") from error
    snap = access.snap(np.concatenate([clients, sites]))
    graph = graph_with(access, Snap(snap.edge, snap.along_m, snap.distance_m))
    count = len(clients)
    along = times(graph, graph.place_node[count:], graph.place_node[:count], backward=True).distance_m.T
    return along + snap.distance_m[:count, None] + snap.distance_m[None, count:], "street"


def _located(demand: gpd.GeoDataFrame, candidates: gpd.GeoDataFrame, numbers: Numbers, result: ClassicResult,
             kind: DistanceKind) -> Located:
    """Both layers with the answer's columns."""
    client, site, amount = _served(numbers, result)
    count = np.bincount(client, minlength=len(demand))
    main = np.full(len(demand), -1, dtype=np.int64)
    order = np.argsort(amount, kind="stable")
    main[client[order]] = site[order]  # the last one written is the largest
    share = amount / np.maximum(np.bincount(client, amount, len(demand))[client], np.finfo(np.float64).tiny)
    metres = np.bincount(client, np.where(share > 0, share, 0.0) * numbers.distance_m[client, site], len(demand))
    alone = count == 1
    metres[alone] = numbers.distance_m[np.flatnonzero(alone), main[alone]]
    ids = _ids(candidates, numbers.options.id)
    is_open = np.zeros(len(candidates), dtype=bool)
    is_open[result.open_sites] = True
    sites = candidates.assign(site_id=ids, open=is_open, load=np.bincount(site, amount, len(candidates)),
                              client_count=np.bincount(site, minlength=len(candidates)))
    site_id = pd.Series([ids[at] if at >= 0 else None for at in main], index=demand.index, dtype=object)
    clients = demand.assign(site_id=site_id, distance_m=np.where(count > 0, metres, np.nan), site_count=count,
                            distance_kind=kind)
    return Located(sites, clients, result, kind)


def _served(numbers: Numbers, result: ClassicResult) -> tuple[Int, Int, Float]:
    """(client, site, weight) of everything that is served."""
    if result.flows is not None:
        moved = (result.flows.stage == 0) & (result.flows.amount >= 0)
        return result.flows.destination[moved], result.flows.origin[moved], result.flows.amount[moved]
    if result.site_of_client is None:
        nothing = np.zeros(0, dtype=np.int64)
        return nothing, nothing, np.zeros(0)
    client = np.flatnonzero(result.site_of_client >= 0)
    return client, result.site_of_client[client], numbers.weight[client]


def _ids(layer: gpd.GeoDataFrame, column: str) -> list[str]:
    values = layer[column] if column in layer.columns else range(len(layer))
    return [str(value) for value in values]


def _p(numbers: Numbers) -> int:
    if numbers.options.p is None:
        raise LocateError("p: this problem needs the number of sites")
    return numbers.options.p


def _radius(numbers: Numbers) -> float:
    if numbers.options.radius_m is None:
        raise LocateError("radius_m: this problem needs the reach of a site")
    return numbers.options.radius_m


def _capacity(numbers: Numbers) -> Float:
    if numbers.capacity is None:
        raise LocateError("capacity: this problem needs the column of the candidates' capacity")
    return numbers.capacity


def _fixed(numbers: Numbers) -> Float:
    if numbers.fixed_cost is None:
        raise LocateError("fixed_cost: this problem needs the column of the candidates' fixed cost")
    return numbers.fixed_cost


def _lscp(n: Numbers) -> ClassicResult:
    return lscp(n.distance_m, radius=_radius(n), required=n.required, forbidden=n.forbidden,
                time_limit_s=n.options.time_limit_s)


def _mclp(n: Numbers) -> ClassicResult:
    return mclp(n.distance_m, n.weight, p=_p(n), radius=_radius(n), required=n.required, forbidden=n.forbidden,
                time_limit_s=n.options.time_limit_s)


def _p_median(n: Numbers) -> ClassicResult:
    return p_median(n.distance_m, n.weight, p=_p(n), required=n.required, forbidden=n.forbidden,
                    time_limit_s=n.options.time_limit_s)


def _p_center(n: Numbers) -> ClassicResult:
    return p_center(n.distance_m, p=_p(n), required=n.required, forbidden=n.forbidden,
                    time_limit_s=n.options.time_limit_s)


def _cflp(n: Numbers) -> ClassicResult:
    return cflp(n.cost, n.weight, _capacity(n), _fixed(n), most_sites=n.options.p, required=n.required,
                forbidden=n.forbidden, time_limit_s=n.options.time_limit_s, seed=n.options.seed)


def _uflp(n: Numbers) -> ClassicResult:
    # not optimizer's uflp: flows shall be in the unit of the weight
    result = cflp(n.cost, n.weight, np.inf, _fixed(n), required=n.required, forbidden=n.forbidden,
                  time_limit_s=n.options.time_limit_s, seed=n.options.seed)
    return replace(result, problem="uflp")


def _sscflp(n: Numbers) -> ClassicResult:
    return sscflp(n.cost, n.weight, _capacity(n), _fixed(n), most_sites=n.options.p, required=n.required,
                  forbidden=n.forbidden, time_limit_s=n.options.time_limit_s, seed=n.options.seed)


def _cpmp(n: Numbers) -> ClassicResult:
    return capacitated_p_median(n.cost, n.weight, _capacity(n), _p(n), required=n.required, forbidden=n.forbidden,
                                time_limit_s=n.options.time_limit_s, seed=n.options.seed)


_CALLS: Mapping[str, Callable[[Numbers], ClassicResult]] = MappingProxyType({
    "lscp": _lscp, "mclp": _mclp, "p-median": _p_median, "p-center": _p_center, "cflp": _cflp, "uflp": _uflp,
    "sscflp": _sscflp, "cpmp": _cpmp})
