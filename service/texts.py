"""The message catalogues (service/catalogue/<language>.json): every text people read, one file per language."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

from optimizer.network import Title

LANGUAGES = ("zh", "en")


@dataclass(frozen=True)
class Catalogue:
    """The texts of one language by key."""

    language: str
    entries: Mapping[str, str]

    def text(self, key: str, **values: object) -> str:
        """The text of a key with its {placeholders} filled; KeyError when the catalogue has no such key."""
        return self.entries[key].format(**values) if values else self.entries[key]


@dataclass(frozen=True)
class Texts:
    """Both catalogues side by side."""

    zh: Catalogue
    en: Catalogue

    def title(self, key: str, **values: object) -> Title:
        """A text in both languages; KeyError when either catalogue lacks it."""
        return Title(zh=self.zh.text(key, **values), en=self.en.text(key, **values))

    def kpi(self, name: str) -> Title:
        """Title of an indicator; its own name, made readable, where the catalogue has none."""
        return self.title(f"kpi.{name}") if f"kpi.{name}" in self.en.entries else plain(name)

    def layer(self, name: str) -> Title:
        """Title of a layer; its own name, made readable, where the catalogue has none."""
        return self.title(f"layer.{name}") if f"layer.{name}" in self.en.entries else plain(name)

    def reason(self, code: str) -> Title:
        """Meaning of a reason code; the code itself, made readable, where the catalogue has none."""
        return self.title(f"reason.{code}") if f"reason.{code}" in self.en.entries else plain(code)

    def warning(self, code: str, text: str) -> Title:
        """A warning by its code; its own English sentence where the catalogue has none."""
        known = f"warning.{code}" in self.en.entries
        return self.title(f"warning.{code}") if known else Title(zh=text, en=text)


def plain(name: str) -> Title:
    """An identifier as words, the same in both languages."""
    words = name.replace("_", " ").replace(":", ": ")
    return Title(zh=words, en=words[:1].upper() + words[1:])


def load_texts() -> Texts:
    """Both catalogues as shipped."""
    return Texts(*(Catalogue(language, json.loads(catalogue_bytes(language))) for language in LANGUAGES))


def catalogue_bytes(language: str) -> bytes:
    """One catalogue file as stored; KeyError for a language there is none of."""
    if language not in LANGUAGES:
        raise KeyError(language)
    return (files("service") / "catalogue" / f"{language}.json").read_bytes()
