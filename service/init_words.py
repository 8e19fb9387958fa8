"""What of a new study's communities is estimated, in words that stand beside the layer wherever it is shown."""

from __future__ import annotations

from geodata.osm_places_homes import Communities
from optimizer.network import Title
from service.init_config import InitConfig


def estimate_words(communities: Communities, config: InitConfig, file: str | None, persons: float | None) -> Title:
    """How communities and persons came about; `file` is the population file, `persons` the total asked for."""
    figures = config.population
    if communities.method == "file":
        words = Title(zh=f"居住单元为 {file} 的单元，不是登记小区；人口取自该文件",
                      en=f"Communities are the cells of {file}, not registered compounds; persons as in that file")
    elif communities.method == "floor_area":
        words = Title(
            zh="居住单元为 OpenStreetMap 的居住用地和街区；"
               f"人口由住宅建筑面积按人均 {figures.floor_m2_per_person:g} 平方米估计",
            en="Communities are residential land and street blocks of OpenStreetMap; persons are estimated from the "
               f"floor area of buildings at {figures.floor_m2_per_person:g} m2 each ({figures.floor_source})")
    else:
        words = Title(
            zh="居住单元为 OpenStreetMap 的居住用地和街区；"
               f"人口由居住道路长度按每米 {figures.persons_per_street_m:g} 人估计",
            en="Communities are residential land and street blocks of OpenStreetMap; persons are estimated from the "
               f"length of residential streets at {figures.persons_per_street_m:g} per metre ({figures.street_source})")
    if persons is None:
        return words
    return Title(zh=f"{words.zh}，并缩放为总数 {persons:.0f} 人",
                 en=f"{words.en}, scaled to a total of {persons:.0f} persons")
