"""The network a study plans for: materials, vehicles, tiers and their sizes, as frozen configuration.

Every figure is in the unit of its name. Tiers are data: nothing in the code knows one by its id.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

DAYS_PER_YEAR = 365.0
SECONDS_PER_HOUR = 3600.0

Share = Annotated[float, Field(ge=0.0, le=1.0)]
NonNegative = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]
Identifier = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]


class Config(BaseModel):
    """Base of everything read from YAML: frozen, unknown keys refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Title(Config):
    """A name in Chinese and in English."""

    zh: str
    en: str


class Material(Config):
    """One recyclable: how much arises, how bulky it is, what it earns."""

    id: Identifier
    title: Title
    kg_per_person_day: NonNegative
    density_t_per_m3: dict[Identifier, Positive]
    """Bulk density per state (loose, flattened, compacted ...)."""
    price_cny_per_t: float
    """Net sale price at the gate of the last tier; may be negative."""
    residue_share: Share = 0.0
    low_value: bool = False
    subsidy_cny_per_t: NonNegative = 0.0


class Vehicle(Config):
    """A vehicle class with its costs, its crew's day and its speed per street class."""

    id: Identifier
    title: Title
    payload_t: Positive
    volume_m3: Positive
    fill_share: Share = 0.9
    """Share of the body that can really be filled."""
    cost_cny_per_km: NonNegative
    fixed_cny_per_day: NonNegative
    crew_cny_per_day: NonNegative
    co2_kg_per_km: NonNegative = 0.0
    shift_s: Positive
    break_s: NonNegative = 0.0
    stop_s: NonNegative = 0.0
    load_s_per_t: NonNegative = 0.0
    unload_s: NonNegative = 0.0
    speed_km_per_h: dict[str, Positive]
    """Speed per OSM highway class; the key `default` is required."""
    barred_from: tuple[str, ...] = ()
    """Highway classes this vehicle may not use."""
    vehicle_class: Identifier | None = None
    """Row of the table of vehicle classes that says what it may do and how fast it is on streets of OpenStreetMap;
    None: its own speeds, and no limit of size or weight."""

    @model_validator(mode="after")
    def _has_default_speed(self) -> Self:
        if "default" not in self.speed_km_per_h:
            raise ValueError("speed_km_per_h needs the key 'default'")
        return self

    @property
    def day_cost_cny(self) -> float:
        """Vehicle and crew for one shift, CNY."""
        return self.fixed_cny_per_day + self.crew_cny_per_day

    @property
    def cost_cny_per_s(self) -> float:
        """Cost of a second at work, CNY: the day's cost over the shift without its break."""
        return self.day_cost_cny / (self.shift_s - self.break_s)

    def trips_per_t(self, density_t_per_m3: float) -> float:
        """Share of a full load that one tonne takes: the larger of its shares of payload and of usable body."""
        return max(1.0 / self.payload_t, 1.0 / (self.fill_share * self.volume_m3 * density_t_per_m3))


class Size(Config):
    """One way to build a site: a type with its capacity, land, cost and accepted materials."""

    id: Identifier
    type: Identifier
    title: Title
    capacity_t_per_day: Positive
    capacity_m3_per_day: Positive | None = None
    min_t_per_day: NonNegative = 0.0
    max_households: Positive | None = None
    """Household cap of this size, for the first tier; a tighter cap of its tier or of a rule counts besides."""
    street_classes: tuple[str, ...] | None = None
    """OSM highway classes beside which a new site of the first tier may have this size; None: any."""
    area_m2: NonNegative
    storage_m3: Positive | None = None
    storage_days: Positive | None = None
    build_cost_cny: NonNegative
    fixed_cost_cny_per_year: NonNegative
    accepts: tuple[Identifier, ...] | None = None
    """Material ids; None accepts every material (comprehensive)."""


class Feed(Config):
    """How a tier is fed from the tier below it."""

    vehicle: Identifier
    state: Identifier
    """State of the material on the truck."""
    single_source: bool = False
    """True where each site below is served by exactly one site of this tier."""
    stops_per_t: NonNegative = 0.0
    """Stops a vehicle makes per tonne when it collects on tours (0 for full loads)."""
    detour_m_per_stop: NonNegative = 0.0


class Tier(Config):
    """One tier of sites."""

    id: Identifier
    title: Title
    candidates: Literal["streets", "land"]
    """Where candidate sites come from: points along streets, or parcels of the land layer."""
    feed: Feed | None = None
    """None for the first tier, which residents walk to."""
    state: Identifier
    """State in which material is held here (for volume capacity and storage)."""
    sizes: Annotated[tuple[Size, ...], Field(min_length=1)]
    life_years: Positive
    variable_cost_cny_per_t: NonNegative = 0.0
    removes_residue: bool = False
    max_households_per_site: Positive | None = None
    bypass: bool = False
    """Whether sites of the tier below may send straight to the tier above, with the vehicle that feeds this one."""


class Money(Config):
    """Prices that belong to the whole network."""

    discount_rate: Annotated[float, Field(ge=0.0, lt=1.0)]
    unserved_cny_per_t: NonNegative
    residue_cny_per_t: NonNegative
    carbon_cny_per_t: NonNegative


class Provenance(Config):
    """Where figures come from: `covers` lists dotted paths (with *), `mark` is S, S*, D, A or M."""

    covers: tuple[str, ...]
    mark: Literal["S", "S*", "D", "A", "M"]
    source: str
    note: Title | None = None


class Network(Config):
    """A network type: what flows, on what, through which tiers, at what price."""

    schema_version: Literal[1]
    network: Identifier
    title: Title
    persons_per_household: Positive
    materials: Annotated[tuple[Material, ...], Field(min_length=1)]
    vehicles: tuple[Vehicle, ...]
    tiers: Annotated[tuple[Tier, ...], Field(min_length=2)]
    money: Money
    provenance: tuple[Provenance, ...] = ()

    @model_validator(mode="after")
    def _references_hold(self) -> Self:
        faults = [*_repeated("material", [m.id for m in self.materials]),
                  *_repeated("vehicle", [v.id for v in self.vehicles]),
                  *_repeated("tier", [t.id for t in self.tiers])]
        vehicles = {v.id for v in self.vehicles}
        materials = {m.id for m in self.materials}
        for number, tier in enumerate(self.tiers):
            where = f"tier '{tier.id}'"
            faults += _repeated(f"{where}: size", [s.id for s in tier.sizes])
            faults += self._state_faults(where, tier.state)
            if (tier.candidates == "streets") != (number == 0):
                faults.append(f"{where}: the first tier stands along streets, the tiers above it on land")
            faults += self._bypass_faults(where, number)
            if number == 0 and tier.removes_residue:
                faults.append(f"{where}: the first tier cannot remove residue")
            if (tier.feed is None) != (number == 0):
                faults.append(f"{where}: 'feed' belongs to every tier but the first")
            if tier.feed is not None:
                faults += self._state_faults(where, tier.feed.state)
                if tier.feed.single_source and number > 1:
                    faults.append(f"{where}: single_source must be false (flows above the second tier are split)")
                if tier.feed.vehicle not in vehicles:
                    faults.append(f"{where}: unknown vehicle '{tier.feed.vehicle}' (known: {sorted(vehicles)})")
            for size in tier.sizes:
                unknown = sorted(set(size.accepts or ()) - materials)
                if unknown:
                    faults.append(f"{where}, size '{size.id}': accepts unknown materials {unknown}")
                faults += _size_faults(where, number, size, len(materials))
                if size.min_t_per_day > size.capacity_t_per_day:
                    faults.append(f"{where}, size '{size.id}': min_t_per_day exceeds capacity_t_per_day")
        if faults:
            raise ValueError("; ".join(faults))
        return self

    def _bypass_faults(self, where: str, number: int) -> list[str]:
        tier, faults = self.tiers[number], []
        if tier.bypass and not 0 < number < len(self.tiers) - 1:
            faults.append(f"{where}: only a tier with one below and one above it can be bypassed")
        if tier.bypass and tier.removes_residue:
            faults.append(f"{where}: a tier that removes residue cannot be bypassed")
        if tier.bypass and any(other.bypass for other in self.tiers[number + 1: number + 2]):
            faults.append(f"{where}: of two neighbouring tiers only one can be bypassed")
        return faults

    def _state_faults(self, where: str, state: str) -> list[str]:
        lacking = [m.id for m in self.materials if state not in m.density_t_per_m3]
        return [f"{where}: no density for state '{state}' of {lacking}"] if lacking else []

    def vehicle(self, vehicle_id: str) -> Vehicle:
        """The vehicle of that id; KeyError when there is none."""
        for vehicle in self.vehicles:
            if vehicle.id == vehicle_id:
                return vehicle
        raise KeyError(vehicle_id)

    def tier(self, tier_id: str) -> Tier:
        """The tier of that id; KeyError when there is none."""
        for tier in self.tiers:
            if tier.id == tier_id:
                return tier
        raise KeyError(tier_id)


def annuity_share(discount_rate: float, years: float) -> float:
    """Yearly share of a build cost: r / (1 - (1 + r)^-n), or 1/n without interest."""
    if discount_rate == 0.0:
        return 1.0 / years
    return float(discount_rate / (1.0 - (1.0 + discount_rate) ** -years))


def _size_faults(where: str, number: int, size: Size, materials: int) -> list[str]:
    faults = []
    if number == 0 and size.accepts is not None and len(set(size.accepts)) < materials:
        faults.append(f"{where}, size '{size.id}': a site of the first tier must accept every material, "
                      "since a resident brings all of them to one site")
    for key in ("max_households", "street_classes"):
        if number > 0 and getattr(size, key) is not None:
            faults.append(f"{where}, size '{size.id}': {key} is for the first tier")
    return faults


def _repeated(what: str, ids: Iterable[str]) -> list[str]:
    return [f"{what} id '{i}' is repeated" for i, n in Counter(ids).items() if n > 1]
