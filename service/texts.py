"""The message catalogues (service/catalogue/<language>.json): every text people read, one file per language."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

from optimizer.network import Title
from service.kpi_names import Labels, match, within_sentence

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
        """A text in both languages; a Title among the values fills each with its own. KeyError when one lacks it."""
        zh, en = ({name: getattr(value, language) if isinstance(value, Title) else value
                   for name, value in values.items()} for language in LANGUAGES)
        return Title(zh=self.zh.text(key, **zh), en=self.en.text(key, **en))

    def kpi(self, name: str, labels: Labels | None = None) -> Title:
        """Title of an indicator; its own name, made readable, where the catalogue has none.

        `labels` name the tiers and vehicles whose ids occur in names: the title is then made from their own titles.
        """
        if f"kpi.{name}" in self.en.entries:
            return self.title(f"kpi.{name}")
        found = match(name, self.kpi_patterns(), labels) if labels is not None else None
        if found is None or labels is None:
            return plain(name)
        ids = {hole: self._id_title(hole, code, labels) for hole, code in found.ids.items()}
        return Title(zh=_filled(self.zh, f"kpi.{found.pattern}", {h: t.zh for h, t in ids.items()}),
                     en=_filled(self.en, f"kpi.{found.pattern}", {h: t.en for h, t in ids.items()}))

    def kpi_patterns(self) -> list[str]:
        """Names of indicators with {holes} for ids, as the catalogue titles them."""
        return [key.removeprefix("kpi.") for key in self.en.entries if key.startswith("kpi.") and "{" in key]

    def word(self, code: str) -> Title:
        """What a type, a status or a kind is called; the code itself, made readable, where the catalogue has none."""
        return self.title(f"word.{code}") if f"word.{code}" in self.en.entries else plain(code)

    def _id_title(self, hole: str, code: str, labels: Labels) -> Title:
        if hole == "vehicle":
            return labels.vehicles[code]
        return self.word(code) if hole in ("type", "kind") else labels.tiers[code]

    def phase(self, name: str) -> Title:
        """What a phase of a run is called; its own name, made readable, where the catalogue has none."""
        return self.title(f"phase.{name}") if f"phase.{name}" in self.en.entries else plain(name)

    def layer(self, name: str) -> Title:
        """Title of a layer; its own name, made readable, where the catalogue has none."""
        return self.title(f"layer.{name}") if f"layer.{name}" in self.en.entries else plain(name)

    def reason(self, code: str) -> Title:
        """Meaning of a reason code; the code itself, made readable, where the catalogue has none."""
        return self.title(f"reason.{code}") if f"reason.{code}" in self.en.entries else plain(code)

    def warning(self, code: str, text: str, **values: object) -> Title:
        """A warning by its code; its own English sentence where the catalogue has none. A Title among the values
        fills each language with its own text."""
        if f"warning.{code}" not in self.en.entries:
            return Title(zh=text, en=text)
        return self.title(f"warning.{code}", **values)


def _filled(catalogue: Catalogue, key: str, values: Mapping[str, str]) -> str:
    text = catalogue.entries[key]
    return text.format(**{hole: within_sentence(text, title, hole) for hole, title in values.items()})


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
