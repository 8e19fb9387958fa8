"""Data, not code: network types, rule presets and the bundled studies (YAML and GeoPackage)."""
