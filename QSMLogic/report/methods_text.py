"""The paragraph for a paper's methods section, said by the methods themselves, with the references it cites."""

from __future__ import annotations

from collections.abc import Iterable

from .. import __version__
from ..methods import METHODS, Method
from ..settings import Settings
from .bibliography import bibtex, references

TWO_PASS = (
    "Background removal and inversion were run twice, on a mask of reliable voxels and on the filled mask, "
    "and the two maps were combined"
)


def methods_text(settings: Settings, *, facts: Iterable[str] = ()) -> str:
    """Return the methods paragraph of a run, facts (sentences) added, and the numbered references it cites."""
    keys = cited(settings)
    number = {key: i + 1 for i, key in enumerate(keys)}
    sentences = [f"Susceptibility maps were computed with SlicerQSM {__version__}"]
    for stage in settings.stages:
        for method, said in _steps(settings, stage):
            marks = ", ".join(str(number[key]) for key in method.cite)
            sentences.append(f"{said} [{marks}]" if marks else said)
    sentences += [TWO_PASS] if settings.two_pass else []
    sentences += facts
    paragraph = " ".join(sentence.rstrip(". ") + "." for sentence in sentences if sentence)
    listed = [f"[{number[key]}] {references()[key].printed()}" for key in keys]
    return paragraph + "\n" + ("\nReferences\n\n" + "\n".join(listed) + "\n" if listed else "")


def references_cited(settings: Settings) -> str:
    """Return the BibTeX entries of the references that the methods paragraph of a run cites."""
    return bibtex(cited(settings))


def cited(settings: Settings) -> tuple[str, ...]:
    """Return the keys of the references of a run, in the order in which they are cited."""
    keys = [key for stage in settings.stages for method, _ in _steps(settings, stage) for key in method.cite]
    return tuple(dict.fromkeys(keys))


def _steps(settings: Settings, stage: str) -> list[tuple[Method, str]]:
    methods = [(METHODS[stage][step.method], step.parameters) for step in settings.steps(stage)]
    return [(method, method.described(**parameters)) for method, parameters in methods]
