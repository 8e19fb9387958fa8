"""Point tables in CSV, in any encoding that the study names; comma, semicolon or tab between the cells."""

from __future__ import annotations

import csv
import io

from geodata.readers.grid import Grid, table_of
from geodata.readers.point_table import places_of
from geodata.readers.read import Read
from geodata.readers.source import Source
from geodata.tables import DataError, fault

_SEPARATORS = ",;\t"


def read_csv_points(source: Source) -> Read:
    """The places of a table; see point_table.places_of. DataError: wrong encoding, no heading, no coordinates."""
    return Read(*places_of(csv_grid(source), source))


def csv_grid(source: Source) -> Grid:
    """The table of a file, with or without places. DataError: wrong encoding, no heading."""
    encoding = source.encoding or "utf-8-sig"
    try:
        text = source.path.read_text(encoding=encoding)
    except (UnicodeDecodeError, LookupError) as error:
        raise DataError([fault("encoding_wrong", file=source.file, encoding=encoding)]) from error
    heading = text[:text.find("\n")] if "\n" in text else text
    separator = max(_SEPARATORS, key=heading.count)
    try:
        rows = list(csv.reader(io.StringIO(text), delimiter=separator, strict=True))
    except csv.Error as error:
        raise DataError([fault("file_unreadable", file=source.file, reason=str(error))]) from error
    grid = table_of(rows)
    if grid is None:
        raise DataError([fault("layer_empty", file=source.file)])
    return grid
