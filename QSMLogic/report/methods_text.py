"""The paragraph for a paper's methods section, said by the methods themselves, with the references it cites."""

from __future__ import annotations

from collections.abc import Iterable

from .. import __version__
from ..methods import METHODS, STAGES, Method
from ..settings import Settings
from .bibliography import bibtex, references

TWO_PASS = (
    "Background removal and inversion were run twice, on a mask of reliable voxels and on the filled mask, "
    "and the two maps were combined"
)


def methods_text(settings: Settings, *, given_mask: bool = False, facts: Iterable[str] = ()) -> str:
    """Return the methods paragraph of a run and the list of the references it cites, numbered.

    given_mask: a mask was given, so no masking method ran; facts: sentences to add.
    """
    keys = cited(settings, given_mask=given_mask)
    number = {key: i + 1 for i, key in enumerate(keys)}
    sentences = [f"Susceptibility maps were computed with SlicerQSM {__version__}"]
    for stage in STAGES:
        if stage == "masking" and given_mask:
            sentences.append("A given mask was used")
            continue
        for method, said in _steps(settings, stage):
            marks = ", ".join(str(number[key]) for key in method.cite)
            sentences.append(f"{said} [{marks}]" if marks else said)
    sentences += [TWO_PASS] if settings.two_pass else []
    sentences += facts
    paragraph = " ".join(sentence.rstrip(". ") + "." for sentence in sentences if sentence)
    listed = [f"[{number[key]}] {references()[key].printed()}" for key in keys]
    return paragraph + "\n" + ("\nReferences\n\n" + "\n".join(listed) + "\n" if listed else "")


def references_cited(settings: Settings, *, given_mask: bool = False) -> str:
    """Return the BibTeX entries of the references that the methods paragraph of a run cites."""
    return bibtex(cited(settings, given_mask=given_mask))


def cited(settings: Settings, *, given_mask: bool = False) -> tuple[str, ...]:
    """Return the keys of the references of a run, in the order in which they are cited."""
    stages = [stage for stage in STAGES if not (given_mask and stage == "masking")]
    keys = [key for stage in stages for method, _ in _steps(settings, stage) for key in method.cite]
    return tuple(dict.fromkeys(keys))


def _steps(settings: Settings, stage: str) -> list[tuple[Method, str]]:
    methods = [(METHODS[stage][step.method], step.parameters) for step in settings.steps(stage)]
    return [(method, method.described(**parameters)) for method, parameters in methods]
