"""QGIS styles (QML) of the published layers: sites sized by load, flows by width, capture share by colour.

The smallest documents QGIS 3.22 and later read; stored in table layer_styles of the GeoPackage.
"""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import quoteattr

from service.palette import Palette

Options = dict[str, str]


def style_of(layer: str, columns: Sequence[str], tier_number: int, palette: Palette) -> str | None:
    """The QML of a layer by its name and columns; None where no style is known for a layer of that shape.

    `tier_number` is the position of a tier layer in the chain, -1 for others.
    """
    if tier_number >= 0:
        return _sites(palette.tier(tier_number), tier_number)
    if layer == "communities" and "capture_share" in columns:
        return _communities(palette)
    if layer == "zones":
        return _single("fill", _fill(None, palette.ink, "0.4"))
    if layer == "streets" or "highway" in columns:
        return _single("line", _line("#c9c3b4", "0.15"))
    if layer == "flows":
        width = 'coalesce(0.08 + 0.3 * sqrt("flow_t_per_day"), 0.08)'
        # light, because the lines of all materials of a pair lie on one another
        return _single("line", _line(palette.flow, "0.4", {"outlineWidth": width}), alpha=0.22)
    if layer == "routes":
        return _single("line", _line(palette.routes[0], "0.35"), alpha=0.8)
    if layer == "assignments":
        return _single("line", _line(palette.muted, "0.12"), alpha=0.5)
    if layer == "stops":
        return _single("marker", _marker("#ffffff", palette.routes[0], "1.6"))
    if layer == "unserved":
        return _single("marker", _marker(palette.unserved, "#ffffff", "2.2", shape="diamond"))
    if layer == "candidates":
        return _candidates(palette)
    return None


def _document(renderer: str) -> str:
    return (f'<qgis version="3.22.0" styleCategories="Symbology">{renderer}'
            "<blendMode>0</blendMode><featureBlendMode>0</featureBlendMode><layerOpacity>1</layerOpacity></qgis>")


def _single(kind: str, symbol_layer: str, alpha: float = 1.0) -> str:
    return _document('<renderer-v2 type="singleSymbol" symbollevels="0" enableorderby="0" forceraster="0">'
                     f"<symbols>{_symbol(kind, '0', symbol_layer, alpha)}</symbols>"
                     "<rotation/><sizescale/></renderer-v2>")


def _symbol(kind: str, name: str, symbol_layer: str, alpha: float = 1.0) -> str:
    return (f'<symbol type="{kind}" name="{name}" alpha="{alpha:g}" clip_to_extent="1" force_rhr="0">'
            f"{symbol_layer}</symbol>")


def _layer(kind: str, options: Options, expressions: Options) -> str:
    plain = "".join(f'<Option type="QString" name="{k}" value={quoteattr(v)}/>' for k, v in options.items())
    driven = "".join(
        f'<Option type="Map" name="{k}"><Option type="bool" name="active" value="true"/>'
        f'<Option type="QString" name="expression" value={quoteattr(v)}/>'
        '<Option type="int" name="type" value="3"/></Option>'
        for k, v in expressions.items())
    properties = ('<data_defined_properties><Option type="Map"><Option type="QString" name="name" value=""/>'
                  f'<Option type="Map" name="properties">{driven}</Option>'
                  '<Option type="QString" name="type" value="collection"/></Option></data_defined_properties>')
    return (f'<layer class="{kind}" enabled="1" locked="0" pass="0"><Option type="Map">{plain}</Option>'
            f"{properties if expressions else ''}</layer>")


def _rgba(colour: str | None) -> str:
    if colour is None:
        return "0,0,0,0"
    return ",".join(str(int(colour[i:i + 2], 16)) for i in (1, 3, 5)) + ",255"


def _marker(fill: str, outline: str, size_mm: str, expressions: Options | None = None,
            shape: str = "circle") -> str:
    return _layer("SimpleMarker", {
        "color": _rgba(fill), "outline_color": _rgba(outline), "outline_style": "solid", "outline_width": "0.2",
        "outline_width_unit": "MM", "name": shape, "size": size_mm, "size_unit": "MM"}, expressions or {})


def _line(colour: str, width_mm: str, expressions: Options | None = None) -> str:
    return _layer("SimpleLine", {
        "line_color": _rgba(colour), "line_style": "solid", "line_width": width_mm, "line_width_unit": "MM",
        "capstyle": "round", "joinstyle": "round"}, expressions or {})


def _fill(colour: str | None, outline: str, width_mm: str) -> str:
    return _layer("SimpleFill", {
        "color": _rgba(colour), "style": "no" if colour is None else "solid", "outline_style": "solid",
        "outline_color": _rgba(outline), "outline_width": width_mm, "outline_width_unit": "MM"}, {})


def _sites(colour: str, tier_number: int) -> str:
    """Circles whose area grows with the load; a floor per tier keeps small sites visible."""
    floor = 1.2 + 0.8 * tier_number
    size = f'coalesce({floor:g} + 0.55 * sqrt("load_t_per_day"), {floor:g})'
    return _single("marker", _marker(colour, "#ffffff", f"{floor:g}", {"size": size}), alpha=0.9)


def _communities(palette: Palette) -> str:
    classes = palette.capture_classes()
    ranges = "".join(
        f'<range lower="{c.low:.6f}" upper="{c.high:.6f}" symbol="{n}" label="{c.label}" render="true"/>'
        for n, c in enumerate(classes))
    symbols = "".join(_symbol("fill", str(n), _fill(c.colour, "#b9b4a6", "0.08"))
                      for n, c in enumerate(classes))
    return _document('<renderer-v2 type="graduatedSymbol" attr="capture_share" graduatedMethod="GraduatedColor" '
                     'symbollevels="0" enableorderby="0" forceraster="0">'
                     f"<ranges>{ranges}</ranges><symbols>{symbols}</symbols><rotation/><sizescale/></renderer-v2>")


def _candidates(palette: Palette) -> str:
    looks = {"open": (palette.tier(0), "2"), "candidate": ("#9aa3ab", "1.2"), "rejected": ("#e3b7b0", "1")}
    categories = "".join(
        f'<category value="{status}" symbol="{n}" label="{status}" render="true" type="string"/>'
        for n, status in enumerate(looks))
    symbols = "".join(_symbol("marker", str(n), _marker(colour, "#ffffff", size))
                      for n, (colour, size) in enumerate(looks.values()))
    return _document('<renderer-v2 type="categorizedSymbol" attr="status" symbollevels="0" enableorderby="0" '
                     f'forceraster="0"><categories>{categories}</categories><symbols>{symbols}</symbols>'
                     "<rotation/><sizescale/></renderer-v2>")
