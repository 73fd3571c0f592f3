"""The plugin's own choices in the options of Segment Statistics."""

from __future__ import annotations

from typing import Any

import qt
from slicer.i18n import tr as _

from ..regions import choicesOf
from .reference_box import showReferences


class StatisticsOptions:
    """Reference, and whether volumes that are no maps are measured too; they are rows of the plugin's form."""

    def __init__(self, plugin: Any) -> None:
        """Add the rows."""
        self.plugin = plugin
        self.referenceBox = qt.QComboBox()
        self.referenceBox.toolTip = _("What is zero in the measurements that are relative.")
        self.everyVolumeBox = qt.QCheckBox(_("Measure every volume, not only maps in ppm"))
        form = plugin.optionsWidget.layout()
        form.addRow(_("Reference:"), self.referenceBox)
        form.addRow(self.everyVolumeBox)
        self.referenceBox.connect("activated(int)", self._chooseReference)
        self.everyVolumeBox.connect("toggled(bool)", self._chooseVolumes)

    def refresh(self) -> None:
        """Show the parameters."""
        regions = choicesOf(self.plugin.node("Segmentation"))
        showReferences(self.referenceBox, regions, self.plugin.parameter("reference"))
        self.everyVolumeBox.checked = self.plugin.flag("everyVolume")

    def _chooseReference(self, index: int) -> None:
        self.plugin.setParameter("reference", self.referenceBox.itemData(index))

    def _chooseVolumes(self, on: bool) -> None:
        self.plugin.setParameter("everyVolume", str(on))
