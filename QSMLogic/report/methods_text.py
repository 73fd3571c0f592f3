"""The paragraph for a paper's methods section, said by the methods themselves, with the references it cites."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from .. import __version__
from ..methods import METHODS
from ..registry import CHOSEN
from ..settings import Settings
from .bibliography import bibtex, references

TWO_PASS = (
    "Background removal and inversion were run twice, on a mask of reliable voxels and on the filled mask, "
    "and the two maps were combined"
)


def methods_text(
    settings: Settings,
    *,
    before: Iterable[str] = (),
    facts: Iterable[str] = (),
    echoes: int | None = None,
    reference: str = "",
    chosen: Mapping[str, Mapping[str, float]] = MappingProxyType({}),
) -> str:
    """Return the methods paragraph of a run, and the numbered references it cites.

    before, facts: sentences to begin and to end with; echoes: how many there are, as some methods do another thing with
    one; reference: name of the region that is zero; chosen: values that methods chose, by "stage/method" and parameter.
    """
    keys = cited(settings)
    number = {key: i + 1 for i, key in enumerate(keys)}
    sentences = [*before, f"Susceptibility maps were computed with SlicerQSM {__version__}"]
    for stage in settings.stages:
        for step in settings.steps(stage):
            method = METHODS[stage][step.method]
            words = {name: f"{value:.3g}, {CHOSEN}" for name, value in chosen.get(f"{stage}/{step.method}", {}).items()}
            if stage == "referencing" and reference:
                words["label"] = reference
            said = method.described(echoes, words, **step.parameters)
            marks = ", ".join(str(number[key]) for key in method.cited(**step.parameters))
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
    steps = [(METHODS[stage][step.method], step) for stage in settings.stages for step in settings.steps(stage)]
    return tuple(dict.fromkeys(key for method, step in steps for key in method.cited(**step.parameters)))
