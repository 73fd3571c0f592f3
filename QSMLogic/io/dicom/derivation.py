"""How a map was made, in the words that fit into an element of a DICOM file."""

from __future__ import annotations

from ... import __version__
from ...settings import Settings, Step

LONGEST = 1024
"""Characters that a short text (ST) holds."""

NONE = "none"
"""The method of a stage that does nothing."""

UNKNOWN = "settings not recorded"


def derivation(settings: Settings | None) -> str:
    """Return software and settings in at most 1024 ASCII characters; where they are too long, methods alone.

    None: nobody knows the settings.
    """
    begin = "Quantitative susceptibility mapping"
    if settings is None:
        return f"{begin}; written by SlicerQSM {__version__}; {UNKNOWN}."
    begin += f" by SlicerQSM {__version__}. "
    for values in (True, False):
        steps = {stage: [s for s in settings.steps(stage) if s.method != NONE] for stage in settings.stages}
        said = [f"{stage}: {' + '.join(_step(s, values) for s in some)}" for stage, some in steps.items() if some]
        said += ["two passes"] * settings.two_pass
        text = (begin + "; ".join(said) + ".").encode("ascii", "replace").decode()
        if len(text) <= LONGEST:
            return text
    return text[: LONGEST - 3] + "..."


def _step(step: Step, values: bool) -> str:
    if not values or not step.parameters:
        return step.method
    said = ", ".join(f"{name} {_value(value)}" for name, value in step.parameters.items())
    return f"{step.method} ({said})"


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    return "auto" if value is None else str(value).replace("\\", "/")
