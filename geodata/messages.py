"""What each fault of an input says, in Chinese and English: one row per code. Data, not code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Text:
    """One sentence in Chinese and in English."""

    zh: str
    en: str

    def filled(self, values: Mapping[str, object]) -> Text:
        """The same sentence with its {placeholders} replaced."""
        return Text(self.zh.format_map(values), self.en.format_map(values))


@dataclass(frozen=True)
class Message:
    """Template of a fault: how bad it is, what is wrong, what to do."""

    severity: Severity
    title: Text
    action: Text


def _error(zh: str, en: str, do_zh: str, do_en: str) -> Message:
    return Message("error", Text(zh, en), Text(do_zh, do_en))


def _warning(zh: str, en: str, do_zh: str, do_en: str) -> Message:
    return Message("warning", Text(zh, en), Text(do_zh, do_en))


def _note(zh: str, en: str, do_zh: str, do_en: str) -> Message:
    return Message("note", Text(zh, en), Text(do_zh, do_en))


_FILES = {
    "file_missing": _error("文件不存在", "the file does not exist",
                           "请检查研究文件中的 path", "check `path` in the study file"),
    "format_unknown": _error("无法识别后缀“{suffix}”的格式", "no reader for the suffix '{suffix}'",
                             "可用后缀：{known}", "use one of {known}"),
    "file_unreadable": _error("文件无法读取：{reason}", "the file cannot be read: {reason}",
                              "请检查文件是否完整", "check that the file is complete"),
    "zip_without_shapefile": _error("压缩包中没有 .shp 文件", "there is no .shp file in the zip",
                                    "请压缩整个 shapefile（.shp、.dbf、.shx、.prj）",
                                    "zip the whole shapefile: .shp, .dbf, .shx and .prj"),
    "zip_with_several_folders": _error("压缩包多个文件夹中都有 .shp：{known}",
                                       "the zip has .shp files in several folders: {known}",
                                       "每个压缩包只放一个文件夹", "put one folder into each zip"),
    "layer_missing": _error("没有图层“{wanted}”", "there is no layer '{wanted}'",
                            "现有图层：{known}", "layers in the file: {known}"),
    "layer_not_named": _error("文件含多个图层，但未指明 layer", "the file has several layers and `layer` is not given",
                              "现有图层：{known}", "layers in the file: {known}"),
    "layer_not_spatial": _error("图层没有几何", "the layer has no geometry",
                                "请选择空间图层", "choose a spatial layer"),
    "layer_empty": _error("图层没有任何要素", "the layer is empty",
                          "请提供至少一个要素", "give at least one feature"),
    "raster_unit_missing": _error("人口栅格未指明单位（现为 {found}）",
                                  "the unit of the population raster is not given ({found})",
                                  "请用 unit 指明：{known}", "name it with `unit`: {known}"),
    "cells_left_out": _note("不足 {least} 人的栅格共 {persons} 人（{share}）未计入",
                            "{persons} persons ({share}) in squares of fewer than {least} were left out",
                            "可用较大的 cell_m 合并", "a larger `cell_m` puts squares together"),
    "sum_row_left_out": _note("“{word}”为汇总行，未读入", "a sum of other rows ('{word}') was left out",
                              "若该行不是汇总，请修改其名称", "give the row another name if it is no sum"),
    "unit_of_heading": _note("字段“{column}”按表头单位乘以 {factor}，换算为 {unit}",
                             "column '{column}' was multiplied by {factor} to give {unit}, as its heading says",
                             "若表头单位有误，请更正", "correct the heading if its unit is wrong"),
    "class_translated": _note("道路等级“{found}”（{count} 条）按 highway={highway} 处理",
                              "the street class '{found}' ({count} lines) is read as highway={highway}",
                              "若不符，请先在数据中改为 OSM 的 highway 值",
                              "if that is wrong, write OSM's highway values into the file"),
    "encoding_wrong": _error("文字编码不是 {encoding}", "the text is not in {encoding}",
                             "请用 encoding 指明编码，如 GBK", "name the encoding, for example `encoding: GBK`"),
    "text_garbled": _warning("字段“{column}”疑似乱码", "column '{column}' looks garbled",
                             "请用 encoding 指明编码，如 GBK", "name the encoding, for example `encoding: GBK`"),
}

_CRS = {
    "no_crs": _error("没有坐标系", "the layer has no coordinate reference system",
                     "请用 crs 指明，如 EPSG:4490、GCJ-02、BD-09", "name it with `crs`: EPSG:<n>, GCJ-02 or BD-09"),
    "crs_unknown": _error("无法识别坐标系“{crs}”", "unknown coordinate reference system '{crs}'",
                          "请写 EPSG:<编号>、GCJ-02 或 BD-09", "write EPSG:<n>, GCJ-02 or BD-09"),
    "crs_refused": _error("坐标系“{crs}”依据的 {datum} 到 WGS84 需要未公开的七参数，不予转换",
                          "'{crs}' rests on {datum}, whose shift to WGS 84 needs seven parameters that are not public",
                          "请先由测绘部门转换为 CGCS2000", "have the layer converted to CGCS2000 first"),
    "crs_not_metric": _error("crs_metric“{crs}”不是以米为单位的投影坐标系",
                             "crs_metric '{crs}' is not a projected system in metres",
                             "请写 auto 或投影坐标系编号", "write `auto` or a projected system"),
    "crs_overridden": _note(
        "文件写明 {found}，按研究文件的 {crs} 理解",
        "the file says {found}; read as {crs} as the study says",
        "请确认",
        "make sure that this is meant"),
    "coordinates_impossible": _error(
        "坐标超出 {crs} 的有效范围（{bounds}）",
        "coordinates {bounds} are impossible in {crs}",
        "请检查 crs 以及经纬度是否颠倒",
        "check `crs` and whether longitude and latitude are swapped"),
    "lon_lat_swapped": _error("经纬度疑似颠倒（{bounds}）", "longitude and latitude seem to be swapped ({bounds})",
                              "请检查 lon、lat 两列", "check the columns lon and lat"),
}

_TABLE = {
    "column_missing": _error("缺少字段“{column}”", "column '{column}' is missing",
                             "现有字段：{known}", "columns in the layer: {known}"),
    "column_unknown": _error("本表没有名为“{column}”的字段{hint}", "this table has no column '{column}'{hint}",
                             "columns 左侧可用：{known}", "left side of `columns` may be: {known}"),
    "id_synthetic": _note("没有 id 字段，已按行号编号（row-1 …）", "no id column; rows are numbered (row-1 ...)",
                          "如需稳定编号请用 columns 指明 id", "name one with `columns: {{id: ...}}` if it matters"),
    "id_missing": _error("编号为空", "the id is empty", "请补齐编号", "fill it in"),
    "id_repeated": _error("编号重复 {count} 次", "the id occurs {count} times", "编号必须唯一", "make ids unique"),
    "value_missing": _error("字段“{column}”为空", "'{column}' is empty", "请补齐数值", "fill it in"),
    "value_not_number": _error("字段“{column}”的值“{value}”不是有限数", "'{column}' is '{value}', not a finite number",
                               "请改为数字（{unit}）", "write a number ({unit})"),
    "value_too_small": _error("字段“{column}”为 {value}，小于 {minimum}", "'{column}' is {value}, below {minimum}",
                              "请更正", "correct it"),
    "value_not_allowed": _error("字段“{column}”的值“{value}”无效", "'{column}' is '{value}'",
                                "可用：{known}", "use one of {known}"),
    "geometry_null": _error("几何为空", "the geometry is empty", "请补齐或删除该要素", "draw it or delete the feature"),
    "geometry_invalid": _error("几何无效：{reason}", "the geometry is invalid: {reason}",
                               "请在 GIS 中修复（不会自动修复）", "repair it in a GIS (nothing is repaired silently)"),
    "geometry_type": _error("几何类型为 {found}，应为 {wanted}", "the geometry is a {found}, expected {wanted}",
                            "请检查图层", "check the layer"),
}

_PLACES = {
    "roads_far": _error(
        "{near} / {count} 个小区位于街道 500 m 内（中位距离 {median} m），道路与小区没有对上",
        "only {near} of {count} communities lie within 500 m of a street (median distance {median} m)",
        "常见原因：坐标系错误，或 GCJ-02 被当作 WGS84",
        "usual cause: a wrong crs, or GCJ-02 read as WGS 84"),
    "land_far": _error(
        "{near} / {count} 个地块位于街道 500 m 内（中位距离 {median} m），道路与用地没有对上",
        "only {near} of {count} parcels lie within 500 m of a street (median distance {median} m)",
        "常见原因：坐标系错误，或 GCJ-02 被当作 WGS84",
        "usual cause: a wrong crs, or GCJ-02 read as WGS 84"),
    "zone_unknown": _warning("分区“{zone}”不在分区图层中", "zone '{zone}' is not in the zones layer",
                             "已改按位置归属", "assigned by place instead"),
    "outside_zones": _warning("不在任何分区内", "lies outside every zone",
                              "分区规则不适用于该要素", "rules per zone do not see it"),
    "area_differs": _warning(
        "面积字段 {given} m² 与几何面积 {measured} m² 不符",
        "the file says {given} m2, the geometry has {measured} m2",
        "已采用几何面积",
        "the geometry is used"),
}

_SCREENING = {
    "no_candidate": _error(
        "层级“{tier}”筛选后没有候选用地（{reasons}）",
        "no candidate land is left for '{tier}' ({reasons})",
        "请放宽 screening 或补充用地",
        "relax `screening` or give more land"),
    "exclusion_unknown": _error(
        "buffers_m 中的“{name}”不是排除图层{hint}",
        "buffers_m names '{name}', which is no exclusion layer{hint}",
        "可用：{known}",
        "use one of {known}"),
    "land_use_missing": _error("层级“{tier}”限定了用地类别，但用地图层没有 land_use 字段",
                               "'{tier}' restricts land_use, but the land layer has no such column",
                               "请在 columns 中指明 land_use", "name it with `columns: {{land_use: ...}}`"),
}

_AUDIT = {
    "geometry_repeated": _warning(
        "几何与 {other} 相同",
        "same geometry as {other}",
        "请确认是否重复",
        "check whether it is counted twice"),
    "sliver": _warning("碎面：{area} m²", "sliver of {area} m2", "请合并或删除", "merge or delete it"),
    "far_from_street": _warning("距最近街道 {distance} m", "{distance} m from the nearest street",
                                "请检查道路是否缺失", "check for missing streets"),
    "population_zero": _warning("人口为零", "the population is zero", "请确认", "make sure that this is meant"),
    "line_crosses_itself": _warning(
        "线自相交",
        "the line crosses itself",
        "请检查是否应打断",
        "check whether it should be split"),
    "line_too_short": _warning("线长 {length} m", "a line of {length} m", "请检查", "check it"),
    "tag_missing": _note("{count} / {total} 条道路没有 {column}", "{count} of {total} streets have no {column}",
                         "按默认规则处理，并列为假设", "defaults are used and listed as assumptions"),
    "datum_suspect": _warning(
        "图层疑似为 {datum}：转换后位于街道 {near} m 内的比例由 {before} 升至 {after}",
        "the layer may be in {datum}: the share within {near} m of a street rises from {before} to {after} "
        "after conversion",
        "请核对并用 crs: {datum} 指明",
        "check it and say `crs: {datum}`"),
    "areas_overlap": _warning("与“{other}”重叠 {share}（占较小者）", "overlaps '{other}' by {share} of the smaller one",
                              "请核对边界，避免重复计算", "correct the outlines so that nothing counts twice"),
    "household_size_odd": _warning("户均人口 {size} 人，不合常理", "{size} persons a household is unusual",
                                   "请核对人口与户数", "check persons and households"),
    "density_odd": _warning("人口密度 {density} 人/平方公里，不合常理", "{density} persons per km2 is unusual",
                            "请核对人口或边界", "check the population or the outline"),
    "area_large": _note("面积 {area} 公顷，按站立点拆分计算步行距离",
                        "covers {area} ha; walks are measured from points within it",
                        "如能细分，结果更准", "a finer layer gives better walking distances"),
    "name_repeated": _note("名称“{name}”与“{other}”相同", "the name '{name}' is also that of '{other}'",
                           "请确认是否重复录入", "make sure that it is not listed twice"),
    "across_zones": _note("跨 {count} 个分区，按面积最大者归属",
                          "lies in {count} zones; the one with the largest part counts",
                          "如需精确，请沿分区边界切开", "cut it along the zones if that matters"),
    "land_far_from_street": _warning("距最近道路 {distance} 米", "the nearest street is {distance} m away",
                                     "请核对坐标或道路是否缺失",
                                     "check the coordinates and whether streets are missing"),
    "land_in_exclusion": _warning("整体位于禁建范围“{exclusion}”内",
                                  "lies inside the exclusion '{exclusion}' as a whole",
                                  "该地块不会成为候选，请核对两层数据", "it is no candidate; check both layers"),
    "existing_far": _warning("距最近小区 {distance} 公里", "the nearest community is {distance} km away",
                             "请核对坐标", "check the coordinates"),
    "line_repeated": _warning("与“{other}”几何相同", "the same line as '{other}'",
                              "请删除重复线", "delete the copy"),
    "oneway_unreadable": _warning("无法识别 oneway 值“{value}”，按双向处理",
                                  "oneway '{value}' is unknown and read as two-way",
                                  "请写 yes、no 或 -1", "write yes, no or -1"),
    "maxspeed_unreadable": _warning("无法识别 maxspeed 值“{value}”，按等级取速度",
                                    "maxspeed '{value}' cannot be read; the speed of the class counts",
                                    "请写数字（km/h）", "write a number, in km/h"),
    "street_not_in_use": _warning("highway={highway} 的道路未通车", "a street with highway={highway} is not in use",
                                  "请删除或更新等级", "delete it or give its present class"),
    "street_island": _warning("与路网主体不相连，长 {length} 米",
                              "not connected with the rest of the streets, {length} m long",
                              "请连接端点，否则其上的地点会改接最近的主路网",
                              "join its ends; places beside it use the nearest street that is connected"),
    "street_islands_more": _note("另有 {count} 处不相连的短路段，共 {length} 米",
                                 "{count} more parts are not connected, {length} m together",
                                 "请检查端点是否捕捉", "check that ends are snapped"),
    "zone_empty": _note("分区内没有小区", "no community lies in this zone", "请确认", "make sure that this is meant"),
}

_DEMAND = {
    "raster_too_large": _error("栅格有 {cells} 个单元，超过 {most}", "the raster has {cells} cells, more than {most}",
                               "请先裁剪到研究范围", "clip it to the area of the study first"),
    "raster_turned": _error("栅格不是正北朝上", "the raster is not laid out north up", "请先重采样为正北朝上",
                            "resample it to a grid that runs north and east first"),
    "raster_needs_areas": _error("{count} 个点状小区没有人口，人口栅格只能分给面",
                                 "{count} communities are points without persons; a raster is laid under polygons only",
                                 "请给出面、人口，或用 demand.cells 划分网格",
                                 "give polygons or persons, or lay out cells with `demand.cells`"),
    "raster_not_used": _note("所有小区都有人口，人口栅格仅用于比较",
                             "every community has persons of its own; the raster is only compared",
                             "若要用栅格，请去掉 communities 的人口字段",
                             "leave out the population column to use the raster"),
    "raster_unplaced": _warning("栅格中有 {persons} 人（{share}）不在任何小区内",
                                "{persons} persons of the raster ({share}) are in no community",
                                "请补充小区，或用 demand.cells 覆盖整个区域",
                                "add communities, or cover the area with `demand.cells`"),
    "raster_beyond": _note("栅格中另有 {persons} 人在所有分区之外",
                           "{persons} more persons of the raster lie beyond all zones",
                           "若研究范围应包括他们，请扩大分区", "widen the zones if they belong to the study"),
    "raster_counted_twice": _warning("小区相互重叠，{persons} 人会被重复计算，已均分",
                                     "communities overlap; {persons} persons would count twice and were shared",
                                     "请核对小区边界", "correct the outlines"),
    "population_unknown": _error("{count} 个小区没有人口（{known}）",
                                 "{count} communities have no population ({known})",
                                 "请给出人口、户数、人口栅格或控制总量",
                                 "give persons, households, a population raster or control totals"),
    "population_of_households": _note("{count} 个小区的人口按每户 {size} 人由户数推算",
                                      "{count} communities have households only; {size} persons each are assumed",
                                      "已标注为估计值", "they are labelled as estimated"),
    "totals_twice": _error("控制总量既在分区图层又在表中", "control totals are given by the zones layer and by a table",
                           "请只保留一种", "keep one of the two"),
    "totals_without_zones": _error("有控制总量但没有分区图层", "there are control totals but no zones",
                                   "请给出 inputs.zones", "give inputs.zones"),
    "total_unmatched": _warning("没有分区对应此行，{persons} 人未落实{hint}",
                                "no zone has this name; its {persons} persons are not placed{hint}",
                                "请核对名称", "check the name"),
    "total_ambiguous": _warning("有多个分区叫此名（{zones}），{persons} 人未落实",
                                "several zones have this name ({zones}); its {persons} persons are not placed",
                                "请在总量表中改填分区编号", "give the zone's id in the table instead"),
    "total_matched": _note("按名称近似对应到分区“{zone}”", "taken for the zone '{zone}'", "请确认",
                           "make sure that this is meant"),
    "total_repeated": _error("分区“{zone}”有多行总量", "the zone '{zone}' has more than one total",
                             "每个分区只保留一行", "keep one row for each zone"),
    "total_missing": _warning("分区没有控制总量，其 {count} 个小区共 {persons} 人未调整",
                              "no total is given for this zone; its {count} communities keep their {persons} persons",
                              "请补充总量", "add its total"),
    "total_unplaced": _warning("分区内没有小区，{persons} 人未落实",
                               "no community lies in this zone; its {persons} persons are not placed",
                               "请补充小区", "add communities there"),
    "total_on_nobody": _warning("分区内 {count} 个小区的人口或权重均为零，{persons} 人未落实",
                                "all {count} communities of this zone have no persons and no weight; {persons} persons "
                                "are not placed",
                                "请给出人口或权重", "give them persons or a weight"),
    "total_far": _warning("小区合计 {found} 人，控制总量 {total} 人，比值 {ratio}（容差 {tolerance}），已按总量调整",
                          "communities sum up to {found} persons, the total is {total}: a ratio of {ratio} (tolerance "
                          "{tolerance}); they were scaled to the total",
                          "请核对口径、年份与范围", "check what is counted, when and where"),
    "cells_too_many": _error("网格超过 {most} 个", "there would be more than {most} cells", "请用更大的网格",
                             "use larger cells"),
    "cells_laid": _note("小区按网格重划为 {count} 个，另有 {empty} 个无人网格未计入",
                        "communities were laid out in {count} cells; {empty} cells without anybody were left out",
                        "已标注为估计值", "they are labelled as estimated"),
    "sliver_merged": _note("已并入“{into}”", "merged into '{into}'", "如不需要，请调整 demand.slivers",
                           "change `demand.slivers` if that is not wanted"),
    "sliver_alone": _note("小于下限但没有相邻小区，保留原样",
                          "is below the limits but no other community is within reach; it stays",
                          "可加大 demand.slivers.reach_m", "a larger `demand.slivers.reach_m` reaches across streets"),
    "generator_unknown": _warning("类型“{kind}”（{count} 处）不在产生源类型表中，未计入{hint}",
                                  "the kind '{kind}' ({count} rows) is none of the kinds of generators and was left "
                                  "out{hint}",
                                  "可用：{known}", "use one of {known}"),
    "generator_others": _note("另有 {count} 个地点不属于任何产生源类型",
                              "{count} places of the file are of no kind of generator",
                              "如需计入，请在产生量参数中加词", "add a word to the rates if some should count"),
    "generator_twice": _note("{count} 个点位于同类面内，视为同一地点，只计一次",
                             "{count} points lie in an area of their kind and count as the same place, once",
                             "如为不同地点，请在数据中给出各自名称", "name both in the data where they are two places"),
    "generator_without_size": _error("“{kind}”需要 {column}", "a generator of the kind '{kind}' needs {column}",
                                     "请补上规模或 t_per_day", "give its size, or its t_per_day"),
    "generator_size_assumed": _note("{count} 处“{kind}”没有规模，按每处 {size} 计",
                                    "{count} generators of the kind '{kind}' have no size; {size} each is assumed",
                                    "已列为假设", "listed as an assumption"),
    "generator_far": _warning("距最近街道 {distance} m", "{distance} m from the nearest street",
                              "请检查坐标或道路是否缺失", "check the coordinates and whether streets are missing"),
}

MESSAGES: Mapping[str, Message] = MappingProxyType({**_FILES, **_CRS, **_TABLE, **_PLACES, **_SCREENING, **_AUDIT,
                                                       **_DEMAND})
