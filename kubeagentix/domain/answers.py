"""What a model concludes, with what it rests on, and who was asked."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A cause that a model holds for true. `evidence` are ids that exist; `struck` are ids that it made up.

    `confidence` runs from 0 to 1, or is None where the model gave none. `is_supported`: it cites something that exists.
    """

    title: str
    summary: str = ""
    confidence: float | None = None
    evidence: tuple[str, ...] = ()
    struck: tuple[str, ...] = ()

    @property
    def is_supported(self) -> bool:
        """Whether it cites anything that was really read."""
        return bool(self.evidence)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The conclusion of a run, read from a tool call, from JSON in text, or from prose.

    `form` says how it was read: `tool`, `json`, `repaired` (damaged JSON) or `prose`. `disagreements` say where it
    differs from what the analyzers found.
    """

    root_cause: str
    hypotheses: tuple[Claim, ...] = ()
    remedies: tuple[str, ...] = ()
    form: str = "prose"
    disagreements: tuple[str, ...] = ()

    @property
    def struck(self) -> tuple[str, ...]:
        """Every evidence id that was cited and does not exist, once."""
        return tuple(dict.fromkeys(item for claim in self.hypotheses for item in claim.struck))


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try with one provider: `label` is `selected` or `fallback` (Quick Dx adds `full` or `compact`)."""

    label: str
    provider: str
    model: str
    credential_source: str
    error: str = ""  # the code of the error that ended it, if one did
    message: str = ""
