"""YAML as we accept it: no aliases, no repeated keys, every fault with its line; and pydantic's errors as faults."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from geodata.tables import DataError, Fault, did_you_mean, fault
from service.messages import STUDY_MESSAGES


class _Loader(yaml.SafeLoader):
    """The safe loader that also collects aliases and repeated keys."""

    def __init__(self, text: str, file: str) -> None:
        super().__init__(text)
        self.file = file
        self.faults: list[Fault] = []

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            self._note("yaml_alias", self.peek_event().start_mark.line)  # type: ignore[no-untyped-call]
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key_node, _ in node.value:
            key = str(key_node.value)
            if key in seen:
                self._note("yaml_key_repeated", key_node.start_mark.line, key=key)
            seen.add(key)
        return super().construct_mapping(node, deep)

    def _note(self, code: str, line: int, key: str = "") -> None:
        found = fault(code, file=self.file, messages=STUDY_MESSAGES, line=line + 1, key=key)
        if found not in self.faults:
            self.faults.append(found)


def read_yaml(text: str, file: str) -> dict[str, Any]:
    """The top-level mapping of a YAML text; DataError for bad syntax, aliases, repeated keys or another top level."""
    loader = _Loader(text, file)
    try:
        data = loader.get_single_data()
    except yaml.YAMLError as error:
        reason = " ".join(str(error).split())
        syntax = fault("yaml_wrong", file=file, messages=STUDY_MESSAGES, reason=reason)
        raise DataError([*loader.faults, syntax]) from error
    finally:
        loader.dispose()
    if loader.faults:
        raise DataError(loader.faults)
    if not isinstance(data, dict):
        raise DataError([fault("not_a_mapping", file=file, messages=STUDY_MESSAGES)])
    return data


def read_yaml_file(path: Path) -> dict[str, Any]:
    """The top-level mapping of a YAML file in UTF-8 (see read_yaml)."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise DataError([fault("encoding_wrong", file=path.name, encoding="UTF-8")]) from error
    return read_yaml(text, path.name)


def validation_faults(error: ValidationError, model: type[BaseModel], file: str) -> tuple[Fault, ...]:
    """One fault per error of pydantic, with its dotted path; unknown keys with the closest known one."""
    faults = []
    for item in error.errors(include_url=False):
        place, kind = item["loc"], item["type"]
        key = ".".join(map(str, place))
        if kind == "extra_forbidden":
            known = _fields_at(model, place[:-1])
            faults.append(fault("key_unknown", file=file, messages=STUDY_MESSAGES, key=key, known=", ".join(known),
                                hint=did_you_mean(str(place[-1]), known)))
        elif kind == "missing":
            faults.append(fault("key_missing", file=file, messages=STUDY_MESSAGES, key=key))
        else:
            # validators of ours join their findings with semicolons
            for reason in item["msg"].removeprefix("Value error, ").split("; "):
                faults.append(fault("value_wrong", file=file, messages=STUDY_MESSAGES, key=key or file, reason=reason))
    return tuple(faults)


def _fields_at(model: type[BaseModel], place: Iterable[int | str]) -> tuple[str, ...]:
    """Names of the fields a path inside a model leads to, or nothing where it leads to no model."""
    at: Any = model
    for step in place:
        at = _model_in(at)
        if isinstance(at, type) and issubclass(at, BaseModel) and step in at.model_fields:
            at = at.model_fields[str(step)].annotation
        elif typing.get_origin(at) in (dict, Mapping):
            at = typing.get_args(at)[1]
        elif typing.get_origin(at) in (tuple, list):
            at = typing.get_args(at)[0]
        else:
            return ()
    at = _model_in(at)
    return tuple(at.model_fields) if isinstance(at, type) and issubclass(at, BaseModel) else ()


def _model_in(annotation: Any) -> Any:
    """The part of an optional or annotated type that is not None."""
    while typing.get_origin(annotation) in (typing.Union, types.UnionType, typing.Annotated):
        options = [a for a in typing.get_args(annotation) if a is not type(None)]
        annotation = options[0]
    return annotation
