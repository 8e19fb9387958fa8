"""Figures as people read them: 万元 and percent, kilometres and thousands separators, by unit and language."""

from __future__ import annotations

from dataclasses import dataclass

from optimizer.network import Title

UNITS_ZH = {
    "t/day": "吨/日", "t/year": "吨/年", "m3/day": "立方米/日", "m3": "立方米", "m2": "平方米", "m": "米",
    "km": "公里", "km/day": "公里/日", "km/week": "公里/周", "km/year": "公里/年", "km/t": "公里/吨", "t": "吨",
    "t km/day": "吨公里/日",
    "s": "秒", "cny/t": "元/吨", "cny": "元", "kg/day": "千克/日", "kg/year": "千克/年",
    "kg/t": "千克/吨",
    "kg/person/day": "千克/人·日", "h": "小时", "h/day": "小时/日", "days": "天", "persons": "人", "mu": "亩",
    "t/m2/year": "吨/平方米·年"}
UNITS_EN = {"m2": "m²", "m3": "m³", "m3/day": "m³/day", "cny/t": "CNY/t", "cny": "CNY", "t/m2/year": "t/m²/year",
            "t km/day": "t·km/day"}
_SUFFIXES = ("_t_per_day", "_m3_per_day", "_cny_per_year", "_cny_per_t", "_km_per_day", "_share", "_count", "_m2",
             "_m3", "_m", "_s", "_t", "_cny")


@dataclass(frozen=True)
class Figure:
    """A number and its unit apart, so that tables can align both."""

    number: Title
    unit: Title

    def joined(self) -> Title:
        """The number with its unit behind it."""
        return Title(zh=f"{self.number.zh} {self.unit.zh}".strip(), en=f"{self.number.en} {self.unit.en}".strip())


def figure(value: float | int | None, unit: str | None, name: str = "") -> Title:
    """A value with its unit in both languages; a dash for None. A share (by unit or name) is shown in percent."""
    return figure_parts(value, unit, name).joined()


def figure_parts(value: float | int | None, unit: str | None, name: str = "") -> Figure:
    """The same, number and unit apart."""
    if value is None:
        return Figure(_same("—"), _same(""))
    kind = unit_kind(unit, name)
    if kind == "share":
        return Figure(_same(f"{value * 100:.2f}" if name == "gap_share" else f"{value * 100:.1f}"), _same("%"))
    if kind in ("cny/year", "cny"):
        return _money_parts(value, per_year=kind == "cny/year")
    if kind == "m" and abs(value) >= 10_000:
        return figure_parts(value / 1000, "km")
    if kind == "s":
        return Figure(_same(number(value / 60)), Title(zh="分钟", en="min"))
    if kind == "10,000 t/year":  # 万吨, the unit of Chinese plans; elsewhere kilotonnes
        return Figure(Title(zh=number(value), en=number(value * 10)), Title(zh="万吨/年", en="kt/year"))
    return Figure(_same(number(value)), Title(zh=UNITS_ZH.get(kind, kind), en=UNITS_EN.get(kind, kind)))


def money(value: float, *, per_year: bool) -> Title:
    """Yuan as 万元 in Chinese and in thousands or millions of CNY in English."""
    return _money_parts(value, per_year=per_year).joined()


def _money_parts(value: float, *, per_year: bool) -> Figure:
    size = abs(value) * (1.0 + 1e-5)  # round figures lie on the limits: the last bits of a sum must not decide
    decimals = 2 if size < 1e5 else 1  # within 1 % of the value
    zh, unit_zh = (f"{value / 1e4:,.{decimals}f}", "万元") if size >= 1e4 else (f"{value:,.0f}", "元")
    en, unit_en = (f"{value / 1e6:,.2f}", "M CNY") if size >= 1e6 else (f"{value:,.0f}", "CNY")
    unit = Title(zh=unit_zh + "/年", en=unit_en + "/year") if per_year else Title(zh=unit_zh, en=unit_en)
    return Figure(Title(zh=zh, en=en), unit)


def number(value: float | int) -> str:
    """Up to three significant decimals, thousands separated; whole numbers without a fraction."""
    if float(value).is_integer():
        return f"{value:,.0f}"
    size = abs(value)
    decimals = 0 if size >= 1000 else 1 if size >= 100 else 2 if size >= 1 else 3
    return f"{value:,.{decimals}f}"


def unit_kind(unit: str | None, name: str = "") -> str:
    """The unit in one spelling ("t/day", "cny/year", "share", ...), "" for a bare number.

    Shares and counts both have the unit 1: the ending of the name tells them apart.
    """
    kind = (unit or "").replace("_per_", "/").replace("²", "2").replace("³", "3").lower().strip()
    if not kind:
        ending = next((s for s in _SUFFIXES if name.endswith(s)), "")
        kind = ending.removeprefix("_").replace("_per_", "/")
    if kind in ("share", "%") or (kind == "1" and name.endswith("_share")):
        return "share"
    return "" if kind in ("1", "count", "-") else kind


def _same(text: str) -> Title:
    return Title(zh=text, en=text)
