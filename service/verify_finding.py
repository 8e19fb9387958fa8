"""What the referee says of a folder."""

from __future__ import annotations

from dataclasses import dataclass

MOST_LINES = 200


@dataclass(frozen=True)
class Finding:
    """One reason to reject a result."""

    code: str
    subject: str
    text: str


@dataclass(frozen=True)
class Verdict:
    """What the referee says of a folder."""

    accepted: bool
    objective_cny_per_year: float | None
    bound_cny_per_year: float | None
    gap: float | None
    findings: tuple[Finding, ...]
    notes: tuple[str, ...] = ()
    """What was not looked at and why, and what a reader must know: where a network is not the packaged one ..."""
    seal_sha256: str | None = None
    """Hash of manifest.json, and through it of every file. Noted elsewhere, it tells this folder from others."""

    def lines(self) -> list[str]:
        """The verdict for a terminal."""
        out = [f"rejected [{f.code}] {f.subject}: {f.text}" for f in self.findings[:MOST_LINES]]
        if len(self.findings) > MOST_LINES:
            out.append(f"... and {len(self.findings) - MOST_LINES} more")
        if self.accepted:
            out += [f"accepted: objective {self.objective_cny_per_year:,.0f} CNY/year recomputed",
                    "bound -" if self.bound_cny_per_year is None or self.gap is None else
                    f"bound {self.bound_cny_per_year:,.0f} CNY/year recomputed, gap {self.gap:.2%}"]
        out += [f"note: {note}" for note in self.notes]
        return out if self.seal_sha256 is None else [*out, f"seal {self.seal_sha256} (sha256 of manifest.json)"]


def rejected(findings: list[Finding], notes: tuple[str, ...] = (), seal_sha256: str | None = None) -> Verdict:
    """The verdict on a folder that was not computed to the end."""
    return Verdict(False, None, None, None, tuple(findings), notes, seal_sha256)
