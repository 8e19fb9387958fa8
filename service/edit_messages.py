"""What faults of an edits file say, in Chinese and English: one row per code. Data, not code."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from geodata.messages import Message, Severity, Text


def _row(severity: Severity, zh: str, en: str, do_zh: str, do_en: str) -> Message:
    return Message(severity, Text(zh, en), Text(do_zh, do_en))


_FILE = {
    "edits_unreadable": _row("error", "编辑文件无法读取：{reason}", "the edits cannot be read: {reason}",
                             "请给出 GeoJSON（RFC 7946）要素集合", "give a GeoJSON (RFC 7946) FeatureCollection"),
    "edits_not_wgs84": _row("error", "GeoJSON 声明了坐标系“{crs}”", "the file names the coordinate system '{crs}'",
                            "请按 RFC 7946 以 WGS 84 经纬度导出", "export it in WGS 84 as RFC 7946 asks"),
    "edits_no_feature": _row("error", "没有任何编辑", "there is no edit in the file", "请至少画一个要素",
                             "draw at least one feature"),
    "edit_no_id": _row("error", "要素没有 id", "the feature has no id", "请写上唯一的 id", "give it an id of its own"),
    "edit_id_repeated": _row("error", "id 出现 {count} 次", "the id occurs {count} times", "id 必须唯一",
                             "make ids unique"),
    "edit_id_used": _row("error", "id 已用于先前方案的编辑", "the id belongs to an edit of the earlier plan",
                         "请换一个 id", "choose another id"),
}

_PLAN = {
    "resolve_no_plan": _row("error", "不是可以重解的结果：{reason}", "no result that can be solved again: {reason}",
                            "请先运行 recynet run", "make one with `recynet run`"),
    "resolve_input_changed": _row("error", "输入文件在求解后已更改",
                                  "the input file has changed since the plan was made",
                                  "请重新运行 recynet run", "make a new plan with `recynet run`"),
    "resolve_same_folder": _row("error", "输出与原方案是同一文件夹“{folder}”",
                                "'{folder}' holds the plan that is edited",
                                "请用 --out 另给文件夹", "name another folder with --out"),
}

_PROPERTIES = {
    "edit_kind_unknown": _row("error", "edit 为“{kind}”{hint}", "`edit` is '{kind}'{hint}", "可用：{known}",
                              "use one of {known}"),
    "edit_property_missing": _row("error", "编辑“{kind}”缺少属性“{name}”", "'{kind}' needs the property '{name}'",
                                  "请补上", "add it"),
    "edit_property_wrong": _row("error", "属性“{name}”的值 {value} 无效", "property '{name}' is {value}",
                                "应为{wanted_zh}", "write {wanted}"),
    "edit_property_unknown": _row("error", "未知属性“{name}”{hint}", "unknown property '{name}'{hint}",
                                  "请更正拼写", "correct its name"),
    "edit_property_ignored": _row("note", "属性“{name}”与编辑无关", "property '{name}' says nothing to an edit",
                                  "已忽略", "it is ignored"),
    "edit_property_idle": _row("error", "编辑“{kind}”不使用属性“{name}”",
                               "'{kind}' has no use for the property '{name}'",
                               "请删除或换一种编辑", "delete it or use another kind of edit"),
    "edit_size_twice": _row("error", "keep_size 与 size_id 同时给出", "both `keep_size` and `size_id` are given",
                            "只保留一个", "keep one of the two"),
    "edit_geometry_missing": _row("error", "编辑“{kind}”没有几何", "'{kind}' has no geometry", "请画 {wanted}",
                                  "draw a {wanted}"),
    "edit_geometry_type": _row("error", "几何为 {found}，编辑“{kind}”应为 {wanted}",
                               "the geometry is a {found}, '{kind}' takes a {wanted}", "请重画", "draw it again"),
    "edit_geometry_invalid": _row("error", "几何无效：{reason}", "the geometry is invalid: {reason}",
                                  "请重画（不会自动修复）", "draw it again (nothing is repaired silently)"),
    "edit_coordinates_wrong": _row("error", "坐标 {bounds} 不是经纬度",
                                   "coordinates {bounds} are no longitude, latitude",
                                   "请以 WGS 84 导出，先经度后纬度", "export it in WGS 84, longitude first"),
}

_NETWORK = {
    "edit_tier_unknown": _row("error", "网络没有层级“{tier}”{hint}", "the network has no tier '{tier}'{hint}",
                              "可用：{known}", "use one of {known}"),
    "edit_size_unknown": _row("error", "层级“{tier}”没有规格“{size}”{hint}", "'{tier}' has no size '{size}'{hint}",
                              "可用：{known}", "use one of {known}"),
    "edit_keep_without_plan": _row("error", "keep_size 需要一个已有方案", "`keep_size` needs a finished plan",
                                   "请用 recynet resolve，或写明 size_id", "use `recynet resolve`, or write `size_id`"),
}

_GROUND = {
    "edit_site_unknown": _row("error", "没有候选场址“{site}”{hint}", "there is no candidate site '{site}'{hint}",
                              "请取自结果的 candidates 图层", "take one from the layer `candidates` of the result"),
    "edit_site_rejected": _row("error", "场址“{site}”已被筛除：{reason}", "site '{site}' was screened out: {reason}",
                               "如仍要用，请以 add 重新画出", "draw it with an `add` if it is wanted all the same"),
    "edit_site_in_tiers": _row("error", "场址“{site}”属于多个层级", "site '{site}' is a candidate of several tiers",
                               "请用 tier_id 指明：{known}", "name one with `tier_id`: {known}"),
    "edit_site_closed": _row("error", "场址“{site}”在原方案中未启用，没有规格可保持",
                             "site '{site}' is closed in the plan: it has no size to keep",
                             "请写明 size_id 或去掉 keep_size", "write `size_id`, or drop `keep_size`"),
    "edit_site_kept": _row("error", "既有场址“{site}”按研究必须保留", "the study says that site '{site}' is kept",
                           "请在 existing_sites 中改 status", "change its status in existing_sites"),
    "edit_conflict": _row("error", "与编辑“{other}”矛盾（场址“{site}”）",
                          "contradicts the edit '{other}' on site '{site}'", "只保留一个", "keep one of the two"),
    "edit_size_not_possible": _row("error", "场址“{site}”放不下规格“{size}”",
                                   "size '{size}' is not possible on site '{site}'",
                                   "可行：{known}", "possible there: {known}"),
    "edit_no_size_fits": _row("error", "层级“{tier}”没有规格放得下该地块（可用 {area} m²）",
                              "no size of '{tier}' fits on this land ({area} m2 usable)",
                              "请画大一些，或写明 size_id", "draw more land, or insist on a `size_id`"),
    "edit_id_is_site": _row("error", "新场址编号“{site}”已被占用", "the new site's id '{site}' is taken by a candidate",
                            "请用 new_site_id 另取编号", "name another with `new_site_id`"),
    "edit_far_from_street": _row("error", "距可通行街道 {distance} m，超过 {most} m",
                                 "{distance} m from the nearest street of use, more than {most} m",
                                 "请画到街道旁", "draw it at a street"),
    "edit_no_candidate_left": _row("error", "编辑后层级“{tier}”没有任何候选场址",
                                   "the edits leave '{tier}' without a candidate",
                                   "请缩小禁用范围", "bar less"),
    "edit_quota_impossible": _row("error",
                                  "编辑后分区“{zone}”的“{tier}”候选只剩 {candidates} 处，{clause} 要求 {required} 处",
                                  "the edits leave {candidates} candidates of '{tier}' in zone '{zone}', "
                                  "{clause} requires {required}", "请缩小禁用范围", "bar less"),
    "edit_rules_conflict": _row("error", "编辑（{ids}）之后以下规则不能同时成立：{facts_zh}",
                                "with {ids} these cannot all hold, whatever is opened: {facts_en}",
                                "请改动编辑，或放宽（最小调整）：{changes_zh}",
                                "change an edit, or give way (the least that works): {changes_en}"),
    "edit_screened_out": _row("warning", "筛选会排除该场址：{reason}",
                              "screening would have rejected this site: {reason}",
                              "按编辑要求仍予采用", "it is used because the edit says so"),
    "edit_size_exceeds_land": _row("warning", "规格“{size}”需 {needed} m²，该地块可用 {area} m²",
                                   "size '{size}' needs {needed} m2, the land has {area} m2 of use",
                                   "按编辑要求仍予采用", "it is used because the edit says so"),
    "edit_far_from_demand": _row("warning", "步行范围内没有居民", "no resident lives within walking distance",
                                 "请确认位置", "make sure of its place"),
    "edit_closing_not_counted": _row("warning", "既有场址“{site}”的关闭费用未计入",
                                     "the cost of closing the existing site '{site}' is not counted",
                                     "如需计入请在 existing_sites 用 may_close",
                                     "leave it to `may_close` to have it counted"),
    "edit_in_force": _row("note", "方案以此编辑为前提：{what}", "the plan rests on this edit: {what}",
                          "如不需要，请从编辑文件中删除", "take it out of the edits to plan without it"),
    "edit_without_effect": _row("note", "没有候选场址受到影响", "no candidate site is affected", "请确认位置和层级",
                                "make sure of place and tier"),
}

EDIT_MESSAGES: Mapping[str, Message] = MappingProxyType({**_FILE, **_PLAN, **_PROPERTIES, **_NETWORK, **_GROUND})
