"""What faults of candidates say, in Chinese and English: one row per code. Data, not code."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from geodata.messages import Message, Severity, Text


def _row(severity: Severity, zh: str, en: str, do_zh: str, do_en: str) -> Message:
    return Message(severity, Text(zh, en), Text(do_zh, do_en))


CANDIDATE_MESSAGES: Mapping[str, Message] = MappingProxyType({
    "hosts_without_points": _row("error", "candidates.hosts 需要 inputs.points_of_interest",
                                 "candidates.hosts needs inputs.points_of_interest",
                                 "请给出兴趣点文件，或删去 hosts", "give the places as a file, or leave `hosts` out"),
    "points_unused": _row("warning", "兴趣点未被 candidates.hosts 或 point_kinds 使用",
                          "no place of interest is of use: candidates.hosts and point_kinds name none of their kinds",
                          "现有类别：{known}", "kinds in the file: {known}"),
    "host_kind_absent": _row("warning", "兴趣点中没有“{group}”（{kinds}）",
                             "no place of interest is '{group}' ({kinds})",
                             "现有类别：{known}", "kinds in the file: {known}"),
    "point_kinds_unused": _row("note", "{count} 处兴趣点的类别未列出，未使用（{known}）",
                               "{count} places of interest are of kinds that the study does not name ({known})",
                               "如需使用，请列入 candidates.hosts 或 point_kinds",
                               "add them to candidates.hosts or point_kinds if they matter"),
    "host_id_taken": _row("error", "兴趣点编号“{site}”与已有场址或地块相同",
                          "the place '{site}' has the id of an existing site or a parcel",
                          "请改 inputs.points_of_interest 的 name",
                          "give its file another `name` in inputs.points_of_interest"),
    "point_group_named": _row("error", "“{name}”既是排除图层又是兴趣点类别",
                              "'{name}' is both an exclusion layer and a group of points of interest",
                              "请改名", "rename one of the two"),
})
