"""What faults of studies, networks and rules say, in Chinese and English: one row per code. Data, not code."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from geodata.messages import Message, Severity, Text


def _row(severity: Severity, zh: str, en: str, do_zh: str, do_en: str) -> Message:
    return Message(severity, Text(zh, en), Text(do_zh, do_en))


STUDY_MESSAGES: Mapping[str, Message] = MappingProxyType({
    "study_missing": _row("error", "研究文件不存在", "the study file does not exist", "请检查路径", "check the path"),
    "out_not_a_result": _row("error", "输出文件夹“{folder}”里有不是 recynet 结果的内容",
                             "the output folder '{folder}' holds something that is no result of recynet",
                             "请换一个文件夹或先清空", "name another folder, or empty this one first"),
    "file_failed": _row("error", "无法读写文件：{reason}", "a file could not be read or written: {reason}",
                        "请检查磁盘空间和权限", "look at free space and permissions"),
    "out_not_writable": _row("error", "无法在“{folder}”写入结果：{reason}",
                             "no result can be written to '{folder}': {reason}",
                             "请换一个可写的文件夹", "name a folder that can be written to"),
    "rates_needed": _row("error", "inputs.generators 需要 demand.rates 指明产生量参数",
                         "inputs.generators needs the kinds and rates of a file named by demand.rates",
                         "例如 rates: urban_sources", "for example `rates: urban_sources`"),
    "rate_material_unknown": _row("error", "物质“{material}”不在网络“{network}”中{hint}",
                                  "'{material}' is no material of network '{network}'{hint}",
                                  "可用：{known}", "use one of {known}"),
    "setting_unknown": _row("error", "分区的 setting“{setting}”不在产生量参数中",
                            "the setting '{setting}' of a zone is none of the rates' settings",
                            "可用：{known}", "use one of {known}"),
    "setting_without_rates": _row("warning", "分区的 setting（{known}）没有用到：研究没有给出 demand.rates",
                                  "the settings of zones ({known}) change nothing: the study names no demand.rates",
                                  "请给出 demand.rates 或去掉该列", "name `demand.rates`, or leave the column out"),
    "peak_above_minimum": _row("error", "“{tier}”的规格“{size}”：最低 {least} 吨/日高于计入高峰后的能力 {room} 吨/日",
                               "size '{size}' of '{tier}' needs {least} t/day, but with the peak factor it has room "
                               "for {room} t/day on the mean day",
                               "请减小 demand.peak_factor 或最低量", "lower demand.peak_factor or the minimum"),
    "streets_unusable": _row("error", "道路网无法使用：{reason}", "the streets cannot be used: {reason}",
                             "请检查道路图层的等级、单行和连通",
                             "check classes, one-way tags and connections of the streets"),
    "streets_need_osm": _row("error", "“{key}”只适用于 OpenStreetMap 道路（.osm 或 .pbf）",
                             "'{key}' is for streets of OpenStreetMap (.osm or .pbf) alone",
                             "请删去该项或改用 OSM 道路文件", "leave it out, or give roads as a file of OpenStreetMap"),
    "size_missing": _row("error", "既有站点没有 size", "the existing site has no size",
                         "请填写该层级的规模：{known}", "give one of the sizes of its tier: {known}"),
    "id_of_parcel": _row("error", "既有站点与地块编号相同", "the existing site has the id of a parcel",
                         "请改用不同的编号", "give it an id of its own"),
    "yaml_wrong": _row("error", "YAML 有误：{reason}", "not valid YAML: {reason}", "请更正该行", "correct that line"),
    "yaml_alias": _row("error", "第 {line} 行使用了 YAML 别名", "line {line}: YAML aliases are refused",
                       "请写出完整内容", "write the value out"),
    "yaml_key_repeated": _row("error", "第 {line} 行重复了键“{key}”", "line {line}: key '{key}' is repeated",
                              "请删去其一", "delete one of the two"),
    "not_a_mapping": _row("error", "文件顶层不是键值表", "the top level is not a table of keys",
                          "请参考 recynet schema", "see `recynet schema`"),
    "override_wrong": _row("error", "覆盖项“{text}”无法应用：{reason}", "override '{text}' cannot be applied: {reason}",
                           "写法为 a.b=值", "write a.b=value"),
    "key_unknown": _row(
        "error",
        "未知的键“{key}”{hint}",
        "unknown key '{key}'{hint}",
        "可用：{known}",
        "known here: {known}"),
    "key_missing": _row("error", "缺少“{key}”", "'{key}' is missing", "请补上", "add it"),
    "value_wrong": _row("error", "“{key}”：{reason}", "'{key}': {reason}", "请更正", "correct it"),
    "variable_unset": _row("error", "环境变量 RECYNET_DATA 未设置", "the environment variable RECYNET_DATA is not set",
                           "请将其设为数据文件夹", "set it to the folder with the data"),
    "variable_unknown": _row("error", "“{key}”中的变量“{name}”不会被替换", "'{key}': variable '{name}' is not expanded",
                             "仅支持 ${{RECYNET_DATA}}", "only ${{RECYNET_DATA}} is"),
    "name_unknown": _row("error", "没有名为“{name}”的{kind_zh}{hint}", "there is no {kind} named '{name}'{hint}",
                         "现有：{known}", "known: {known}"),
    "tier_unknown": _row(
        "error",
        "“{key}”不是网络“{network}”的层级{hint}",
        "'{key}' is no tier of network '{network}'{hint}",
        "可用：{known}",
        "use one of {known}"),
    "tier_not_on_land": _row(
        "error",
        "层级“{key}”不占用地块，screening 对它无意义",
        "tier '{key}' does not stand on parcels; screening says nothing about it",
        "请删去该项",
        "delete the entry"),
    "size_unknown": _row("error", "层级“{tier}”没有规格“{size}”", "tier '{tier}' has no size '{size}'",
                         "可用：{known}", "use one of {known}"),
    "size_below_rule": _row(
        "warning",
        "层级“{tier}”的规格“{size}”占地 {area} m²，低于 {clause} 要求的 {least} m²",
        "size '{size}' of '{tier}' takes {area} m2, less than the {least} m2 of {clause}",
        "请核对网络文件", "check the network file"),
    "site_unknown": _row("error", "“{key}”：层级“{tier}”没有候选“{site}”{hint}",
                         "'{key}': tier '{tier}' has no candidate '{site}'{hint}",
                         "请核对编号（候选见结果的 candidates 图层）",
                         "check the id (see the layer `candidates` of a result)"),
    "site_too_small": _row("error", "“{key}”：候选“{site}”放不下规格“{size}”",
                           "'{key}': size '{size}' does not fit on '{site}'",
                           "请改规格或地块", "ask for another size or site"),
    "site_required_and_forbidden": _row("error", "候选“{site}”既要求又禁止", "'{site}' is both required and forbidden",
                                        "请删去其一", "delete one of the two"),
    "site_kept_and_forbidden": _row("error", "既有站点“{site}”须保留，不能禁止",
                                    "the existing site '{site}' is to be kept, not forbidden",
                                    "请把其 status 改为 must_close", "give it the status must_close instead"),
    "land_needed": _row(
        "error",
        "层级“{tier}”需要用地图层，但 inputs.land 未给出",
        "tier '{tier}' stands on land, but inputs.land is missing",
        "请给出 inputs.land",
        "give inputs.land"),
    "quota_impossible": _row(
        "error",
        "{clause}：分区要求至少 {required} 处“{tier}”，候选只有 {candidates} 处",
        "{clause} requires {required} sites of '{tier}' in this zone, but only {candidates} candidates are left",
        "请放宽 screening、补充用地或去掉该规则",
        "relax `screening`, give more land or drop the rule"),
    "clause_not_applicable": _row(
        "note",
        "条款 {clause} 未应用：{reason_zh}",
        "clause {clause} is not applied: {reason_en}",
        "已在结果中列出",
        "listed in the result"),
})
