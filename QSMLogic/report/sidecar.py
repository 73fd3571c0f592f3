"""What stands beside a further map: what it is, in which unit, how it was made and what its method assumes."""

from __future__ import annotations

from typing import Any

from ..methods import METHODS
from ..settings import Settings
from .windows import window


def sidecar(name: str, settings: Settings, echoes: int | None) -> dict[str, Any]:
    """Return the side-car of a map of the stage of further maps, by BIDS' names, ready for JSON.

    name: of the map; settings: of the run that made it; echoes: how many there were, None
    where that is not known.
    """
    steps = zip(settings.maps, settings.to_dict()["maps"], strict=True)
    step, written = next(each for each in steps if name in METHODS["maps"][each[0].method].outputs)
    how = METHODS["maps"][step.method].described(echoes, **step.parameters).rstrip(". ")
    view = window(name)
    return {"Description": f"{view.title}. {how}.", "Units": view.units, "Settings": written}
