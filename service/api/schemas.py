"""Bodies the API takes."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

OverrideKey = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*(\.[A-Za-z0-9_]+){0,6}$", max_length=120)]
OverrideValue = bool | int | Annotated[float, Field(allow_inf_nan=False)] | Annotated[str, Field(max_length=200)]


class RunRequest(BaseModel):
    """Start a run: the name of a study this server knows, and values that replace those of its file."""

    model_config = ConfigDict(extra="forbid", strict=True)

    study: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
    overrides: Annotated[dict[OverrideKey, OverrideValue], Field(max_length=50)] = Field(default_factory=dict)
