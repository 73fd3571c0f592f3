"""The list of what can be zero in a susceptibility map."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from slicer.i18n import tr as _

from ..measurement import MEAN, NONE
from ..regions import Choice


def showReferences(box: Any, regions: Iterable[Choice], chosen: str) -> None:
    """List the references in a combo box, with what names each as its data, and show the chosen one.

    A region that is gone stays chosen, by its ID, until another one is.
    """
    choices = [(NONE, _("None: as in the map")), (MEAN, _("Mean of the mask"))]
    choices += [(region.id, region.name) for region in regions]
    ids = [id for id, _name in choices]
    if chosen not in ids:
        choices.append((chosen, chosen))
        ids.append(chosen)
    if [(box.itemData(i), box.itemText(i)) for i in range(box.count)] != choices:
        box.clear()
        for id, name in choices:
            box.addItem(name, id)
    box.setCurrentIndex(ids.index(chosen))
