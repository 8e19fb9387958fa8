"""The rule that a new study begins with: each tier on land has at least one site, so that the area is served at all.

Without it, the cheapest plan for a small area may be to serve nobody and pay the penalty.
"""

from __future__ import annotations

from typing import Any

import yaml

from optimizer.network import Network

RULE = "SERVE_THIS_AREA"
LEVEL = "city"
"""The zones of a new study are its whole area."""
_SOURCE = "written by recynet init: a wish, not a law"


def serving_rule(network: Network) -> str:
    """The rule as YAML."""
    clauses: list[dict[str, Any]] = [{
        "id": f"one_{tier.id}", "kind": "min_sites_per_zone", "tier": tier.id, "value": 1, "zone_level": LEVEL,
        "title": {"zh": f"至少一处{tier.title.zh}", "en": f"At least one site: {tier.title.en}"},
        "source": _SOURCE, "mark": "A"} for tier in network.tiers if tier.candidates == "land"]
    rule = {"schema_version": 1, "rule": RULE, "title": {"zh": "服务本区域", "en": "Serve this area"}, "issued": "2025",
            "source": _SOURCE, "mark": "A", "clauses": clauses}
    head = ("# Each tier on land has at least one site in the area (zones of level city). Leave it out of `rules` in\n"
            "# study.yaml to let the prices alone decide, which may mean that nobody is served.\n")
    return head + yaml.safe_dump(rule, allow_unicode=True, sort_keys=False, width=120)
