// Texts and names in the chosen language.

export function createWords(catalogues, state) {
  const lang = () => state.get("lang");
  const text = (key, values = {}) =>
    (catalogues[lang()][key] ?? key).replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
  return {
    lang, text,
    has: (key) => key in catalogues[lang()],
    /** One of the two languages of a title. */
    title: (title) => title?.[lang()] ?? "",
    /** What an id or a code is called: the plan's labels first, then the catalogue, else the id itself. */
    label(code, plan) {
      if (plan?.labels?.[code]) return plan.labels[code][lang()];
      const tier = plan?.tiers.find((t) => t.id === code);
      if (tier) return tier.title[lang()];
      const material = plan?.balance.find((b) => b.material_id === code);
      if (material) return material.title[lang()];
      for (const group of ["word", "reason"]) {
        if (`${group}.${code}` in catalogues[lang()]) return catalogues[lang()][`${group}.${code}`];
      }
      return String(code);
    },
  };
}
