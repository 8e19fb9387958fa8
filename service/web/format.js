// Figures as people read them: the same rules as in the report.

const UNITS_ZH = {
  "t/day": "吨/日", "t/year": "吨/年", "m3/day": "立方米/日", m3: "立方米", m2: "平方米", m: "米", km: "公里", t: "吨",
  "km/day": "公里/日", "km/week": "公里/周", "km/year": "公里/年", "cny/t": "元/吨", "kg/day": "千克/日", h: "小时", persons: "人",
};
const UNITS_EN = { m2: "m²", m3: "m³", "m3/day": "m³/day", "cny/t": "CNY/t" };
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
  if (value === null || value === undefined) return "—";
  const kind = unitKind(unit, name);
  const zh = lang === "zh";
  if (kind === "share") return `${(value * 100).toFixed(1)} %`;
  if (kind === "cny/year" || kind === "cny") return money(value, kind === "cny/year", lang);
  if (kind === "m" && Math.abs(value) >= 10000) return figure(value / 1000, "km", "", lang);
  if (kind === "s") return `${number(Math.round(value / 6) / 10)} ${zh ? "分钟" : "min"}`;
  const text = number(value);
  return kind === "" ? text : `${text} ${(zh ? UNITS_ZH : UNITS_EN)[kind] ?? kind}`;
}

export function money(value, perYear, lang) {
  const size = Math.abs(value);
  const fixed = (v, d) => v.toLocaleString("en-US", { minimumFractionDigits: d, maximumFractionDigits: d });
  const text = lang === "zh"
    ? (size >= 1e4 ? `${fixed(value / 1e4, 1)} 万元` : `${fixed(value, 0)} 元`)
    : (size >= 1e6 ? `${fixed(value / 1e6, 2)} M CNY` : `${fixed(value, 0)} CNY`);
  return perYear ? text + (lang === "zh" ? "/年" : "/year") : text;
}
