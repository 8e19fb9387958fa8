// Figures as people read them: the same rules as in the report.

const UNITS_ZH = {
  "t/day": "吨/日", "t/year": "吨/年", "m3/day": "立方米/日", m3: "立方米", m2: "平方米", m: "米", km: "公里", "km/day": "公里/日",
  "km/week": "公里/周", "km/year": "公里/年", "km/t": "公里/吨", t: "吨", "t km/day": "吨公里/日", s: "秒", "cny/t": "元/吨", cny: "元",
  "kg/day": "千克/日", "kg/year": "千克/年", "kg/t": "千克/吨", "kg/person/day": "千克/人·日", h: "小时", "h/day": "小时/日", days: "天",
  persons: "人", mu: "亩", "t/m2/year": "吨/平方米·年",
};
const UNITS_EN = {
  m2: "m²", m3: "m³", "m3/day": "m³/day", "cny/t": "CNY/t", cny: "CNY", "t/m2/year": "t/m²/year",
  "t km/day": "t·km/day",
};
const SUFFIXES = ["_t_per_day", "_m3_per_day", "_cny_per_year", "_cny_per_t", "_km_per_day", "_share", "_count", "_m2", "_m3",
  "_m", "_s", "_t", "_cny"];

export function number(value) {
  if (Number.isInteger(value)) return value.toLocaleString("en-US");
  const size = Math.abs(value);
  const decimals = size >= 1000 ? 0 : size >= 100 ? 1 : size >= 1 ? 2 : 3;
  return value.toLocaleString("en-US", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}

/** The unit in one spelling; "" for a bare number. Shares and counts both have unit 1: the name tells them apart. */
export function unitKind(unit, name = "") {
  let kind = (unit ?? "").replaceAll("_per_", "/").replace("²", "2").replace("³", "3").toLowerCase().trim();
  if (!kind) kind = (SUFFIXES.find((s) => name.endsWith(s)) ?? "").slice(1).replaceAll("_per_", "/");
  if (kind === "share" || kind === "%" || (kind === "1" && name.endsWith("_share"))) return "share";
  return ["1", "count", "-"].includes(kind) ? "" : kind;
}

export function figure(value, unit, name, lang) {
  return parts(value, unit, name, lang).join(" ").trim();
}

/** A figure as [number, unit], so that tables can align both. */
export function parts(value, unit, name, lang) {
  if (value === null || value === undefined) return ["—", ""];
  const kind = unitKind(unit, name);
  const zh = lang === "zh";
  if (kind === "share") return [(value * 100).toFixed(name === "gap_share" ? 2 : 1), "%"];
  if (kind === "cny/year" || kind === "cny") return moneyParts(value, kind === "cny/year", lang);
  if (kind === "m" && Math.abs(value) >= 10000) return parts(value / 1000, "km", "", lang);
  if (kind === "s") return [number(Math.round(value / 6) / 10), zh ? "分钟" : "min"];
  if (kind === "10,000 t/year") return zh ? [number(value), "万吨/年"] : [number(value * 10), "kt/year"];
  return [number(value), (zh ? UNITS_ZH : UNITS_EN)[kind] ?? kind];
}

export const money = (value, perYear, lang) => moneyParts(value, perYear, lang).join(" ");

function moneyParts(value, perYear, lang) {
  const size = Math.abs(value);
  const fixed = (v, d) => v.toLocaleString("en-US", { minimumFractionDigits: d, maximumFractionDigits: d });
  if (lang === "zh") return [size >= 1e4 ? fixed(value / 1e4, size < 1e5 ? 2 : 1) : fixed(value, 0), (size >= 1e4 ? "万元" : "元") + (perYear ? "/年" : "")];
  return [size >= 1e6 ? fixed(value / 1e6, 2) : fixed(value, 0), (size >= 1e6 ? "M CNY" : "CNY") + (perYear ? "/year" : "")];
}
