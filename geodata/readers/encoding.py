"""Text read in the wrong encoding: the two errors that Chinese files meet."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

SAMPLE_ROWS = 200
_PAIRS = (("latin-1", "gb2312"), ("gbk", "utf-8"))
"""(read as, really written in): a GBK shapefile without .cpg (GB 2312 holds its usual characters, and takes no
Western accents for Chinese), and a UTF-8 file declared GBK."""


def garbled_columns(frame: pd.DataFrame) -> list[str]:
    """Columns whose name or first texts turn into Chinese when they are re-read in the other encoding."""
    found = []
    for name in frame.columns:
        texts = [v for v in frame[name].head(SAMPLE_ROWS) if isinstance(v, str)]
        if _is_garbled(str(name)) or _most_garbled(texts):
            found.append(str(name))
    return found


def _most_garbled(texts: Iterable[str]) -> bool:
    foreign = [text for text in texts if not text.isascii()]
    return bool(foreign) and 2 * sum(_is_garbled(text) for text in foreign) > len(foreign)


def _is_garbled(text: str) -> bool:
    if text.isascii():
        return False
    if "\ufffd" in text:
        return True
    if 2 * sum(not letter.isascii() for letter in text) < len(text):
        return False  # a word with some accents: Chinese that was read wrongly is nearly all accents
    for read_as, written_in in _PAIRS:
        try:
            meant = text.encode(read_as).decode(written_in)
        except UnicodeError:
            continue
        if meant != text and any("\u4e00" <= letter <= "\u9fff" for letter in meant):
            return True
    return False
