"""What the methods of some settings need, told before a run: images, echoes, an R2 map, another map before them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

from QSMLogic.errors import InputError
from QSMLogic.methods import METHODS, Method
from QSMLogic.registry import refuse_few_echoes
from QSMLogic.settings import Settings, Step


def asks(settings: Settings, datum: str) -> bool:
    """Tell whether a method that will be carried out needs a datum, such as "labels" or "given_mask"."""
    return any(datum in _needs(method, step) for method, step in _carriedOut(settings))


def takes(settings: Settings, datum: str) -> bool:
    """Tell whether a method that will be carried out can use a datum, such as "r2"."""
    return any(datum in (*method.inputs, *method.optional_inputs) for method, _step in _carriedOut(settings))


def refuseUnfit(settings: Settings, echoes: int, magnitudes: Any) -> None:
    """Raise InputError, with the remedy, where a further map cannot be made of what there is.

    echoes: how many; magnitudes: the images, none or all.
    """
    made: set[str] = set()
    for step in settings.maps:
        method = METHODS["maps"][step.method]
        needed = _needs(method, step)
        if "magnitude" in needed and not magnitudes:
            raise InputError(f"{method.label} needs magnitude images: choose them, or remove this map.")
        refuse_few_echoes(method.label, method.fewest_echoes, echoes)
        for datum in needed:
            makers = [other.label for other in METHODS["maps"].values() if datum in other.outputs]
            if makers and datum not in made:
                raise InputError(f"{method.label} starts from another map: add one of {', '.join(makers)} before it.")
        made |= set(method.outputs)


def _needs(method: Method, step: Step) -> tuple[str, ...]:
    """Return the names of the data that a method has to be given with the step's parameters."""
    switched = (names for switch, names in method.needed_by.items() if step.parameters[switch])
    return (*method.inputs, *chain.from_iterable(switched))


def _carriedOut(settings: Settings) -> Iterator[tuple[Method, Step]]:
    for stage in settings.stages:
        yield from ((METHODS[stage][step.method], step) for step in settings.steps(stage))
