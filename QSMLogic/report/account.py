"""What a run says of itself, ready to be written: settings, provenance, methods text and references."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from ..io.load import Loaded
from ..pipeline import Result
from ..quality import Measure, doubts, quality
from ..settings import Settings, Step
from .acquisition_text import acquisition_sentence, phase_sentence
from .methods_text import methods_text, references_cited
from .provenance import provenance


@dataclass(frozen=True)
class Account:
    """Of a run: its settings as carried out, provenance (ready for JSON), methods text, BibTeX, quality of its maps."""

    settings: Settings
    provenance: dict[str, Any]
    methods: str
    references: str
    quality: tuple[Measure, ...]


def account(
    command: Sequence[str],
    files: Iterable[Path],
    loaded: Loaded,
    result: Result,
    *,
    names: Mapping[int, str] = MappingProxyType({}),
) -> Account:
    """Return the account of a run.

    files: every file that was read; their digests are taken now; names: of the labels, for the region that is zero.
    """
    assert loaded.scan is not None
    ran = _as_run(result.settings, loaded)
    measures = quality(loaded.scan, result.maps)
    record = provenance(
        command,
        files,
        seconds=result.total_seconds,
        stage_seconds=result.seconds,
        settings=ran.to_dict(),
        chosen=result.chosen,
        **({"device": result.device} if result.device else {}),
        scan=loaded.facts,
        reference=result.reference,
        quality={m.name: {"value": m.value, "unit": m.unit, "label": m.label} for m in measures},
        warnings=[*loaded.warnings, *result.warnings, *doubts(measures)],
    )
    text = methods_text(
        ran,
        before=[acquisition_sentence(loaded), phase_sentence(loaded)],
        echoes=loaded.scan.echoes,
        chosen=result.chosen,
        reference=names.get(ran.referencing.parameters.get("label", 0), ""),
    )
    return Account(ran, record, text, references_cited(ran), measures)


def _as_run(settings: Settings, loaded: Loaded) -> Settings:
    """Return the settings with what a given mask stood in for, and without what a single echo leaves undone."""
    assert loaded.scan is not None
    instead: dict[str, Any] = {}
    if "given_mask" in loaded.data and all(step.method != "given" for step in settings.masking):
        instead["masking"] = (Step("given", {}),)
    if loaded.scan.echoes == 1 and settings.conditioning.method != "none":
        instead["conditioning"] = Step("none", {})
    return replace(settings, **instead, description="") if instead else settings
