"""Tables without places: a sheet or a CSV file whose rows name what they speak of."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from geodata.readers.csv_points import csv_grid
from geodata.readers.source import Source
from geodata.readers.spreadsheet import sheet_grid
from geodata.tables import DataError, Fault, fault


@dataclass(frozen=True)
class PlainTable:
    """The file's own columns, and what was left out (sums of other rows)."""

    table: pd.DataFrame
    notes: tuple[Fault, ...]


def read_plain_table(source: Source) -> PlainTable:
    """The rows of a .csv or .xlsx file; DataError when it is missing, another format or unreadable."""
    readers = {".csv": csv_grid, ".xlsx": sheet_grid}
    suffix = source.path.suffix.lower()
    if suffix not in readers:
        raise DataError([fault("format_unknown", file=source.file, suffix=suffix, known=", ".join(readers))])
    if not source.path.is_file():
        raise DataError([fault("file_missing", file=str(source.path), layer=source.layer)])
    grid = readers[suffix](source)
    notes = tuple(fault("sum_row_left_out", file=source.file, layer=source.layer, feature_id=f"row-{row}", word=word)
                  for row, word in grid.sums.items())
    return PlainTable(grid.table, notes)
