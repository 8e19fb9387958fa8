"""Point tables in Excel (.xlsx): a sheet with its merged cells filled; `layer` names the sheet where there are several.
"""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

from geodata.readers.grid import Grid, table_of
from geodata.readers.point_table import places_of
from geodata.readers.read import Read
from geodata.readers.source import Source
from geodata.tables import DataError, fault

if TYPE_CHECKING:
    from openpyxl.worksheet.worksheet import Worksheet


def read_spreadsheet(source: Source) -> Read:
    """The places of a sheet; see point_table.places_of. DataError: no such sheet, no heading, no coordinates."""
    return Read(*places_of(sheet_grid(source), source))


def sheet_grid(source: Source) -> Grid:
    """The table of a sheet, with or without places. DataError: no such sheet, no heading.

    Formulas count with the values that were saved with them.
    """
    import openpyxl  # only where a study has such a file: it takes a while
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        book = openpyxl.load_workbook(source.path, data_only=True)
    except (InvalidFileException, zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
        reason = " ".join(str(error).replace(str(source.path), source.file).split())
        raise DataError([fault("file_unreadable", file=source.file, reason=reason)]) from error
    sheets = {sheet.title: sheet for sheet in book.worksheets if sheet.max_row > 1 or sheet["A1"].value is not None}
    known = ", ".join(sheets) or "-"
    if source.layer is not None and source.layer not in sheets:
        raise DataError([fault("layer_missing", file=source.file, wanted=source.layer, known=known)])
    if source.layer is None and len(sheets) != 1:
        code = "layer_not_named" if sheets else "layer_empty"
        raise DataError([fault(code, file=source.file, known=known)])
    grid = table_of(_filled(sheets[source.layer or next(iter(sheets))]))
    if grid is None:
        raise DataError([fault("layer_empty", file=source.file, layer=source.layer)])
    return grid


def _filled(sheet: Worksheet) -> list[list[object]]:
    """The cells of a sheet row by row, every cell of a merged range with the range's value."""
    cells: list[list[object]] = [list(row) for row in sheet.iter_rows(values_only=True)]
    for merged in sheet.merged_cells.ranges:
        value = cells[merged.min_row - 1][merged.min_col - 1]
        for row in range(merged.min_row - 1, min(merged.max_row, len(cells))):
            for column in range(merged.min_col - 1, min(merged.max_col, len(cells[row]))):
                cells[row][column] = value
    return cells
