// What the user has chosen, kept in the address so that a link shows the same map.

const DEFAULTS = { run: "", lang: "", day: "1", hidden: "candidates,assignments,stops", site: "" };

export function createState() {
  const listeners = new Set();
  const values = { ...DEFAULTS, ...Object.fromEntries(new URLSearchParams(location.hash.slice(1))) };
  if (!["zh", "en"].includes(values.lang)) values.lang = navigator.language.startsWith("zh") ? "zh" : "en";

  return {
    get: (name) => values[name],
    /** Set several values at once and tell everybody which of them changed. */
    set(changes) {
      const changed = Object.keys(changes).filter((name) => values[name] !== changes[name]);
      if (!changed.length) return;
      Object.assign(values, changes);
      const shown = Object.entries(values).filter(([name, value]) => name in DEFAULTS && value !== DEFAULTS[name]);
      history.replaceState(null, "", `#${new URLSearchParams(shown)}`);
      for (const listener of listeners) listener(new Set(changed));
    },
    hidden: (layer) => values.hidden.split(",").includes(layer),
    toggle(layer) {
      const hidden = new Set(values.hidden.split(",").filter(Boolean));
      if (!hidden.delete(layer)) hidden.add(layer);
      this.set({ hidden: [...hidden].join(",") });
    },
    subscribe: (listener) => listeners.add(listener),
  };
}
