"""Where drives on streets of OpenStreetMap are kept from run to run: one folder of the user's for all studies."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from geodata.tables import DataError, fault
from service.messages import STUDY_MESSAGES

if TYPE_CHECKING:
    from geodata.matrix_cache import MatrixCache

FOLDER_VARIABLE, LIMIT_VARIABLE = "RECYNET_CACHE", "RECYNET_CACHE_MB"
DEFAULT_LIMIT_MB = 2000.0
BYTES_PER_MB = 1_000_000


def street_cache() -> MatrixCache | None:
    """The cache in the folder that RECYNET_CACHE names, of at most RECYNET_CACHE_MB; None where it names none.

    DataError where the limit is no number.
    """
    folder = os.environ.get(FOLDER_VARIABLE)
    if not folder:
        return None
    from geodata.matrix_cache import MatrixCache  # compiled loops: only where they are used

    given = os.environ.get(LIMIT_VARIABLE) or str(DEFAULT_LIMIT_MB)
    try:
        limit_mb = float(given)
        if not 0.0 <= limit_mb < float("inf"):
            raise ValueError(given)
    except ValueError as error:
        raise DataError([fault("value_wrong", messages=STUDY_MESSAGES, key=LIMIT_VARIABLE,
                               reason=f"'{given}' is no number of megabytes")]) from error
    return MatrixCache(Path(folder), round(limit_mb * BYTES_PER_MB))
