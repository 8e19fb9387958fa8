"""The study file that `recynet init` writes: a template of one language, full of comments, filled in."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Literal

from pydantic_core import PydanticUndefined

from optimizer.network import Network, Tier, Title
from service.init_config import InitConfig, TierLandConfig
from service.study import InputsConfig, Study

Language = Literal["zh", "en"]
POINTS_OF_INTEREST = "points_of_interest"
COMMENT_COLUMN = 40
_COMMENTED = re.compile(r"^(\s*[^#\s].*?)\s{2,}#(?= )")
_CONTINUED = re.compile(r"^\s{10,}#(?= )")
_HOLE = re.compile(r"\{\{(\w+)\}\}")


@dataclass(frozen=True)
class Filling:
    """What a new study file says."""

    study: str
    title: Title
    year: int
    origin: str
    """What the study was made of."""
    package: str
    crs_metric: str
    communities: Title
    """What of the communities is estimated."""
    network: Network
    rules: tuple[str, ...]
    known_rules: tuple[str, ...]
    exclusions: tuple[str, ...]
    """Names of the exclusion layers there are."""
    kinds: tuple[str, ...]
    """Kinds of the points of interest there are."""
    attribution: tuple[str, ...]
    streets: str | None = None
    """File of the streets with their turn restrictions; None: the layer roads."""


def study_text(filling: Filling, config: InitConfig, language: Language) -> str:
    """The study file, with comments in one language."""
    template = (files("configs") / "init" / f"study_template.{language}.yaml").read_text(encoding="utf-8")
    values = {
        "study": filling.study, "year": str(filling.year), "origin": one_line(filling.origin),
        "package": filling.package, "crs_metric": filling.crs_metric, "network": filling.network.network,
        "title_zh": one_line(filling.title.zh), "title_en": one_line(filling.title.en),
        "title_zh_yaml": quoted(filling.title.zh), "title_en_yaml": quoted(filling.title.en),
        "communities_zh": quoted(filling.communities.zh), "communities_en": quoted(filling.communities.en),
        "rules": json.dumps(list(filling.rules)), "known_rules": ", ".join(filling.known_rules) or "-",
        "roads": _roads(filling, language),
        "exclusions": _exclusions(filling, config, language),
        "points_of_interest": _points_of_interest(filling, language), "hosts": _hosts(filling, config, language),
        "screening": _screening(filling.network.tiers, config, language),
        "attribution": "\n".join(f"  - {quoted(line)}" for line in filling.attribution)}
    text = _filled(template, values)
    return tidy(_filled(text, {"other_keys": _other_keys(text, language)}))


def quoted(text: str) -> str:
    """A text as a YAML scalar on one line."""
    return json.dumps(one_line(text), ensure_ascii=False)


def one_line(text: str) -> str:
    """A text without line breaks."""
    return " ".join(text.split())


def tidy(text: str) -> str:
    """The text with comments in one column, without blanks at line ends and with one blank line at most."""
    margin = " " * COMMENT_COLUMN + "#"
    rows = [_CONTINUED.sub(margin, row) for row in text.splitlines()]
    lines = "\n".join(_COMMENTED.sub(lambda row: f"{row[1]:<{COMMENT_COLUMN - 1}} #", row).rstrip() for row in rows)
    return re.sub(r"\n{3,}", "\n\n", lines).strip() + "\n"


def _filled(template: str, values: Mapping[str, str]) -> str:
    """The template with the holes that have a value filled."""
    return _HOLE.sub(lambda hole: values.get(hole[1], hole[0]), template)


def _roads(filling: Filling, language: Language) -> str:
    said = {"en": ("columns: id, highway (class of OpenStreetMap), oneway (yes, no, -1), maxspeed (km/h)",
                   "recynet init --turn-restrictions makes an extract that keeps turn restrictions",
                   "streets of OpenStreetMap with their turn restrictions; layer roads of the package shows them"),
            "zh": ("列：id、highway（OSM 道路等级）、oneway（yes、no、-1）、maxspeed（km/h）",
                   "recynet init --turn-restrictions 可生成保留转向限制的提取文件",
                   "OpenStreetMap 道路及转向限制；数据包中的 roads 图层仅供查看")}[language]
    if filling.streets is not None:
        return f"  roads:              # {said[2]}\n    path: {filling.streets}\n"
    return (f"  roads:              # {said[0]}\n    path: {filling.package}\n"
            f"    layer: roads      # {said[1]}\n")


def _exclusions(filling: Filling, config: InitConfig, language: Language) -> str:
    if not filling.exclusions:
        return ""
    comment = {"en": "where nothing may stand, with the distance to keep, m",
               "zh": "不得建站的范围，以及须保持的距离（米）"}[language]
    lines = [f"  exclusions:         # {comment}"]
    for kind in config.exclusions:
        if kind.name in filling.exclusions:
            lines.append(f"    - {{path: {filling.package}, layer: {kind.name}, name: {kind.name}, "
                         f"buffer_m: {kind.buffer_m:g}}}   # {getattr(kind.title, language)}")
    return "\n".join(lines) + "\n"


def _points_of_interest(filling: Filling, language: Language) -> str:
    if not filling.kinds:
        return ""
    comment = {"en": "places that may host a site: shops, schools ... (columns id, kind, name)",
               "zh": "可设站的场所：商超、学校等（列 id、kind、name）"}[language]
    return (f"  {POINTS_OF_INTEREST}:   # {comment}\n"
            f"    - {{path: {filling.package}, layer: {POINTS_OF_INTEREST}, name: poi}}\n")


def _hosts(filling: Filling, config: InitConfig, language: Language) -> str:
    """Kinds of points that may host a site, and the others as groups that rules may keep away from."""
    if not filling.kinds:
        return ""
    said = {"en": ("places that may host a point, preferred ones first; build_cost_share: 0.4 and fixed_cost_share say"
                   " what it costs there", "further groups, for screening.<tier id>.buffers_m: {<group>: m}"),
            "zh": ("可设站的场所，靠前者优先；build_cost_share: 0.4 和 fixed_cost_share 说明当地的成本比例",
                   "其他场所，可用于 screening.<层级 id>.buffers_m: {<组>: 米}")}[language]
    there = [kind for kind in config.points_of_interest if kind.name in filling.kinds]
    hosts = [f"    {kind.name}: {{kinds: [{kind.name}]}}" for kind in there if kind.host]
    others = [f"    {kind.name}: [{kind.name}]" for kind in there if not kind.host]
    lines = [f"  # {said[0]}", "  hosts:", *hosts] if hosts else []
    return "\n".join([*lines, *([f"  # {said[1]}", "  point_kinds:", *others] if others else [])]) + "\n"


def _screening(tiers: Sequence[Tier], config: InitConfig, language: Language) -> str:
    comments = {"en": ("m2; the smallest size needs this", "classes of the column land_use; [] allows all",
                       "m to the nearest street a vehicle can use; assumed"),
                "zh": ("平方米；最小规模所需", "land_use 列的取值；[] 为不限",
                       "距车辆可通行道路的最大距离（米）；假设")}[language]
    lines = []
    for tier in tiers:
        if tier.candidates == "land":
            terms: TierLandConfig = config.land.for_tier(tier.id)
            lines += [f"  {tier.id}:   # {getattr(tier.title, language)}",
                      f"    min_area_m2: {min(size.area_m2 for size in tier.sizes):g}   # {comments[0]}",
                      f"    land_use: [{', '.join(terms.land_use)}]   # {comments[1]}",
                      f"    max_distance_to_street_m: {terms.max_distance_to_street_m:g}   # {comments[2]}"]
    return "\n".join(lines) + "\n"


def _other_keys(text: str, language: Language) -> str:
    """Keys of a study that the template has no word about, as comments with their defaults."""
    said = set(re.findall(r"(\w+):", text))
    lines = [*_unsaid("", Study, said), *_unsaid("inputs.", InputsConfig, said)]
    if not lines:
        return ""
    head = {"en": "# -- further keys, with their defaults (recynet schema explains them)",
            "zh": "# -- 其他键及默认值（说明见 recynet schema）"}[language]
    return "\n".join([head, *lines])


def _unsaid(prefix: str, model: type[Study] | type[InputsConfig], said: Iterable[str]) -> list[str]:
    known = set(said)
    lines = []
    for name, field in model.model_fields.items():
        if name not in known:
            default = field.get_default(call_default_factory=True)
            shown = "-" if default is PydanticUndefined else str(default)
            lines.append(f"# {prefix}{name}: {shown}" if len(shown) <= 60 else f"# {prefix}{name}: ...")
    return lines
