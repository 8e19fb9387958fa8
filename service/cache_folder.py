"""Where a result folder keeps what only saves time: no part of the result, not hashed, not exported."""

from __future__ import annotations

CACHE_FOLDER, GROUND_FILE = "cache", "ground.npz"
