"""What faults of the survey of parcels say, in Chinese and English: one row per code. Data, not code."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from geodata.messages import Message, Text

SURVEY_MESSAGES: Mapping[str, Message] = MappingProxyType({
    "elevation_missing": Message("error", Text("层级“{tier}”要求坡度，但没有高程栅格",
                                               "'{tier}' asks for slopes, but there is no elevation raster"),
                                 Text("请给出 inputs.elevation", "give it as inputs.elevation")),
    "layer_unknown": Message("error", Text("层级“{tier}”的准则“{criterion}”：没有图层“{name}”{hint}",
                                           "criterion '{criterion}' of '{tier}': there is no layer '{name}'{hint}"),
                             Text("可用：{known}", "use one of {known}")),
})
