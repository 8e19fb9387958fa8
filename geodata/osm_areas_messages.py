"""What is said about things of OpenStreetMap that were left out or could not be had, in Chinese and English."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from geodata.messages import Message, Severity, Text


def _row(severity: Severity, zh: str, en: str, do_zh: str, do_en: str) -> Message:
    return Message(severity, Text(zh, en), Text(do_zh, do_en))


def _note(zh: str, en: str, do_zh: str = "已略去", do_en: str = "left out") -> Message:
    return _row("note", zh, en, do_zh, do_en)


AREA_MESSAGES: Mapping[str, Message] = MappingProxyType({
    "osm_streets_cut": _note("{count} 条道路的部分节点不在文件中",
                             "{count} streets have nodes that are not in the file",
                             "按其余节点绘出", "drawn as far as the file goes"),
    "osm_areas_incomplete": _note("{count} 个面无法闭合（如 {some}）", "{count} areas do not close (such as {some})"),
    "osm_ways_open": _note("{count} 条带面状标签的线未闭合（{keys}）",
                           "{count} open ways have tags of areas ({keys})", "按线处理，未作为面", "no areas"),
    "osm_streets_areas": _note("{count} 条 highway 为面（广场等）",
                               "{count} streets are drawn as areas, such as squares",
                               "不作为道路", "no streets"),
    "osm_streets_class": _note("{count} 条 highway={value} 的线不是通行道路",
                               "{count} ways with highway={value} are no streets"),
    "osm_streets_outside": _note("{count} 条道路在边界 {margin} 米以外", "{count} streets lie over {margin} m outside"),
    "osm_outside": _note("{kind}：{count} 个在边界以外", "{kind}: {count} lie outside the boundary"),
    "osm_too_small": _note("{kind}：{count} 个小于 {least} 平方米", "{kind}: {count} are smaller than {least} m2"),
    "blocks_large": _note("{count} 个街区大于 {most} 公顷（共 {hectares} 公顷）",
                          "{count} street blocks are larger than {most} ha ({hectares} ha together)",
                          "视为空旷地，不作为居住单元", "taken for open country, no communities"),
    "osm_inside_other": _note("{kind}：{count} 个大部分位于另一个之内", "{kind}: {count} lie mostly inside another"),
    "land_cut": _note("{count} 块用地大于 {most} 公顷，沿道路切为 {pieces} 块",
                      "{count} areas of land above {most} ha were cut along streets into {pieces} parcels",
                      "编号为 <编号>.1、.2 等", "called <id>.1, <id>.2 ..."),
    "osm_invalid": _note("{kind}：{count} 个轮廓无效，已修正", "{kind}: {count} outlines were invalid",
                         "按 GDAL/GEOS make_valid 修正", "mended with make_valid"),
    "buildings_elsewhere": _note("{count} 栋住宅建筑不在任何居住单元内（估计 {persons} 人）",
                                 "{count} buildings that people live in lie in no community (about {persons} persons)",
                                 "未计入", "not counted"),
    "levels_assumed": _note("{count} / {total} 栋住宅建筑没有层数，按类型取值",
                            "{count} of {total} buildings that people live in have no number of storeys",
                            "层数见 init 配置", "the storeys of their kind were assumed"),
    "nobody_home": _note("{count} 个居住单元估计无人居住", "{count} communities have no inhabitants by the estimate"),
    "cells_without_people": _note("{count} 个人口单元人口为零", "{count} cells of the population file have nobody"),
    "cells_outside": _note("{count} 个人口单元（{persons} 人）在边界以外",
                           "{count} cells ({persons} persons) lie outside the boundary"),
    "cells_hexagons": _note("{count} 个单元由 H3 编号恢复为六边形", "{count} cells were drawn from their H3 ids",
                            "人口不变", "persons as in the file"),
    "boundary_of_streets": _note("未给出边界，按文件中道路的范围",
                                 "no boundary was given; the extent of the streets is it",
                                 "可用 --boundary 或 --bbox 指定", "give one with --boundary or --bbox"),
    "boundary_no_area": _row("error", "边界不是面", "the boundary is no area",
                             "请给出多边形图层，或西,南,东,北 四个经纬度",
                             "give a polygon layer, or west,south,east,north in degrees"),
    "nothing_inside": _row("error", "边界内没有道路", "no street lies inside the boundary",
                           "请检查边界及其坐标系（GCJ-02 用 --boundary-crs 说明）",
                           "check the boundary and its coordinates (name GCJ-02 with --boundary-crs)"),
    "nobody_found": _row("error", "边界内没有可居住的单元：没有住宅用地、住宅建筑或居住道路",
                         "nobody lives inside the boundary: no residential land, buildings or streets",
                         "请用 --population 提供人口数据", "give a population file with --population"),
    "place_unknown": _row("error", "找不到地名“{place}”（或它没有边界）",
                          "no place '{place}' with a boundary was found",
                          "请写得更完整，如“武汉市江汉区, 中国”",
                          "write it in full, such as 'Kallio, Helsinki, Finland'"),
    "download_failed": _row("error", "无法从 {server} 下载：{reason}", "cannot download from {server}: {reason}",
                            "请检查网络，或改用 --osm 文件", "check the connection, or use a file with --osm"),
})
