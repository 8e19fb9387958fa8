"""What is said of the streets of OpenStreetMap, in Chinese and English: one row per code. Data, not code."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from geodata.messages import Message, Severity, Text


def _row(severity: Severity, zh: str, en: str, do_zh: str, do_en: str) -> Message:
    return Message(severity, Text(zh, en), Text(do_zh, do_en))


def _note(zh: str, en: str, do_zh: str, do_en: str) -> Message:
    return _row("note", zh, en, do_zh, do_en)


STREET_MESSAGES: Mapping[str, Message] = MappingProxyType({
    "osm_way_left_out": _note("{count} 条道路未读取：{details}", "{count} ways are not read: {details}",
                              "这些不是可通行的道路", "they are no streets in use"),
    "osm_way_without_segment": _note("{count} 条道路没有两个可用的节点", "{count} ways have no two nodes in the file",
                                     "提取范围之外的部分缺失", "what lies outside the extract is missing"),
    "osm_node_missing_from_file": _note("{count} 个道路节点不在文件中", "{count} nodes of ways are not in the file",
                                        "道路在该处截断；请使用更大的提取范围",
                                        "ways end there; take a larger extract"),
    "osm_restriction_members": _note("{count} 条转向限制的成员不完整：{details}",
                                     "{count} turn restrictions lack members or have too many: {details}",
                                     "未应用", "they are not applied"),
    "osm_restriction_key": _note("{count} 条转向限制的键无法识别：{details}",
                                 "{count} turn restrictions have a key that is not understood: {details}",
                                 "未应用", "they are not applied"),
    "osm_restriction_kind": _note("{count} 条转向限制的类型无法识别：{details}",
                                  "{count} turn restrictions are of an unknown kind: {details}",
                                  "未应用", "they are not applied"),
    "osm_restriction_condition": _note("{count} 条转向限制的条件无法识别：{details}",
                                       "{count} turn restrictions have a condition that is not understood: {details}",
                                       "未应用", "they are not applied"),
    "osm_restriction_hours_ignored": _note("{count} 条转向限制用旧式时段标注：{details}",
                                           "{count} turn restrictions have hours of an old form: {details}",
                                           "按全天应用", "they are applied at all hours"),
    "osm_restriction_unapplied": _note("{count} 条转向限制在所用路网上不起作用：{details}",
                                       "{count} turn restrictions forbid nothing on the streets in use: {details}",
                                       "通常因其道路不通车", "mostly since their ways are not open to vehicles"),
    "osm_restrictions": _note("文件中的 {total} 条转向限制规则有 {applied} 条在所用路网上生效",
                              "{applied} of {total} rules about turning in the file hold on the streets in use",
                              "路线遵守这些规则", "routes keep them"),
    "osm_conditions": _note("{count} 条道路有带条件的通行或速度标签（时段、重量等）",
                            "{count} ways have access or speed tags with conditions (hours, weight ...)",
                            "能识别的按所选时段应用，其余另行列出",
                            "those understood apply in the hours of the study; the others are listed"),
    "osm_tags_unread": _note("“{vehicle}”：{count} 处通行标签无法识别（{kinds} 种，如 {details}）",
                             "'{vehicle}': {count} tags about access or speed are not understood ({kinds} kinds, such "
                             "as {details})",
                             "按没有该标签处理", "they are read as if they were not there"),
    "osm_closed_on_foot": _note("按标签禁止行人的道路 {km} km",
                                "{km} km of streets are closed to walkers by their tags",
                                "步行距离不经过这些道路", "walks do not use them"),
    "streets_component": _note("“{vehicle}”可用道路的 {share} 相互连通", "{share} of the streets open to '{vehicle}' "
                               "hang together both ways",
                               "地点只接到这一部分", "places are snapped to this part alone"),
    "streets_slot": _note("“{vehicle}”的行驶时间取 {hours} 的限行与拥堵系数",
                          "drives of '{vehicle}' are those of {hours}, with its bans and congestion",
                          "在 streets 中修改", "change it under `streets`"),
    "streets_snap": _note("层级“{tier}”{count} 个地点距“{vehicle}”可用道路：中位 {median} m，最远 {most} m"
                          "（{feature}）",
                          "{count} sites of '{tier}' are {median} m (median) and at most {most} m ({feature}) from "
                          "the streets of '{vehicle}'",
                          "此段距离不计入行驶", "this distance is not driven"),
    "streets_banned": _note("{count} 个限行区对“{vehicle}”关闭道路 {km} km",
                            "{count} areas close {km} km of streets to '{vehicle}' in the hours in question",
                            "其中的地点改接最近的开放道路", "places in them use the nearest open street"),
    "congestion_unused": _row("warning", "拥堵系数“{name}”不对应文件中的任何道路等级",
                              "congestion names '{name}', which is no class of street in the file",
                              "请核对拼写", "check the spelling"),
    "ban_vehicle_unknown": _row("error", "没有名为“{name}”的车辆类型{hint}", "there is no vehicle class '{name}'{hint}",
                                "可用：{known}", "use one of {known}"),
    "ban_hours_unreadable": _row("error", "无法识别时段“{hours}”", "the hours '{hours}' are not understood",
                                 "写法如 Mo-Fr 07:00-09:00,17:00-19:00", "write Mo-Fr 07:00-09:00,17:00-19:00"),
})
