"""What `recynet init` says, in Chinese and English: one row per code. Data, not code."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from geodata.messages import Message, Severity, Text


def _row(severity: Severity, zh: str, en: str, do_zh: str, do_en: str) -> Message:
    return Message(severity, Text(zh, en), Text(do_zh, do_en))


INIT_MESSAGES: Mapping[str, Message] = MappingProxyType({
    "init_folder_used": _row("error", "文件夹“{folder}”不为空", "the folder '{folder}' is not empty",
                             "请换一个文件夹", "name another folder"),
    "init_cannot_write": _row("error", "无法写入文件夹“{folder}”：{reason}", "cannot write to '{folder}': {reason}",
                              "请检查权限和磁盘空间", "check permissions and room on the disk"),
    "init_no_source": _row("error", "未给出数据来源", "there is nothing to start from",
                           "请给出 --osm 文件或 --place 地名（二选一）", "give either --osm FILE or --place NAME"),
    "init_bbox_wrong": _row("error", "--bbox“{text}”不是 西,南,东,北 四个经纬度",
                            "--bbox '{text}' is not west,south,east,north in degrees", "如 24.93,60.16,24.96,60.18",
                            "such as 24.93,60.16,24.96,60.18"),
    "init_two_outlines": _row("error", "边界给了不止一次", "the boundary is given more than once",
                              "--boundary、--bbox 与 --place 只用一个", "use one of --boundary, --bbox and --place"),
    "init_column_wrong": _row("error", "“{text}”不是 我方=对方 的列名",
                              "'{text}' does not name a column as ours=theirs",
                              "如 population=常住人口", "such as population=inhabitants"),
    "init_restrictions_of_file": _row("error", "--turn-restrictions 需要 --osm 文件",
                                      "--turn-restrictions needs a file with --osm",
                                      "下载的道路不含转向限制，请去掉该选项",
                                      "downloads have none; leave the option out"),
    "init_population_crs": _row("note", "人口表没有坐标系说明，按 WGS 84 处理",
                                "the population table names no coordinate system and is read as WGS 84",
                                "若不是，请用 --population-crs 指明", "name another with --population-crs"),
    "init_population_crs_china": _row(
        "error", "人口表没有坐标系说明，而中国地图服务的坐标多为 GCJ-02 或 BD-09",
        "the population table names no coordinate system, and Chinese map services use GCJ-02 or BD-09",
        "请用 --population-crs 指明 EPSG:4326、GCJ-02 或 BD-09",
        "say EPSG:4326, GCJ-02 or BD-09 with --population-crs"),
    "init_scaled": _row("note", "人口按 --persons 缩放为 {persons} 人", "persons are scaled to {persons} (--persons)",
                        "总数真实时，分布仍为估计", "the total is yours, its distribution is not"),
    "init_small_area": _row(
        "note",
        "区域约产生 {needed} 吨/日，“{tier}”的最小规模为 {least} 吨/日，已按比例增加 {size} 吨/日的规模",
        "the area has about {needed} t/day and the smallest '{tier}' {least} t/day: a size of {size} t/day was added",
        "见 networks 文件夹；成本为假设，请换成实际数值",
        "see the folder networks; its costs are assumed, put in figures of your own"),
    "init_land_found": _row("note", "“{tier}”有 {count} 块不小于 {least} 平方米的候选用地",
                            "{count} parcels of {least} m2 or more may hold '{tier}'",
                            "是否空置、可用尚不清楚", "whether they are vacant or for sale is not known"),
    "init_land_short": _row(
        "warning",
        "“{tier}”可选用地很少：不小于 {least} 平方米的有 {count} 块，约可处理 {needed} 吨/日中的 {capacity} 吨/日",
        "little land for '{tier}': {count} parcels of {least} m2 or more, room for {capacity} of {needed} t/day",
        "请在 {package} 的 {table} 图层画入地块（面；列 id 为文本，land_use 取：{classes}），再运行 recynet audit",
        "draw parcels into layer {table} of {package} (polygons; columns id, a text, and land_use, one of {classes}), "
        "then run recynet audit"),
})
