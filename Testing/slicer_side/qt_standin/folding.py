"""CTK's frames that fold."""

import qt
from PySide6.QtCore import Property, Signal

from slicer_side.qt_standin.properties import stored

HEADER = 24
UNLIMITED = 16777215  # QWIDGETSIZE_MAX


class Folding:
    """Hides the contents while folded; what the module itself hid stays hidden when they come back."""

    _collapsed = False

    def _set_collapsed(self, collapsed: bool) -> None:
        if collapsed == self._collapsed:
            return
        self._collapsed = collapsed
        self.checked = not collapsed
        for child in self.children():
            if child.isWidgetType():
                self._fold(child) if collapsed else self._unfold(child)
        self.maximumHeight = HEADER if collapsed else UNLIMITED
        self.updateGeometry()
        self.update()
        if hasattr(self, "contentsCollapsed"):
            self.contentsCollapsed.emit(collapsed)

    def _fold(self, child) -> None:
        if not child.isHidden() or not child.testAttribute(qt.Qt.WA_WState_ExplicitShowHide):
            child.setProperty("_folded", True)
            child.hide()

    def _unfold(self, child) -> None:
        if child.property("_folded"):
            child.setProperty("_folded", False)
            child.show()

    def childEvent(self, event) -> None:
        """Hide what is added while the contents are folded."""
        if self._collapsed and event.type() == qt.QEvent.ChildPolished and event.child().isWidgetType():
            self._fold(event.child())
        super().childEvent(event)

    def sizeHint(self):
        """Return the size of header and contents."""
        return qt.QSize(120, HEADER) if self._collapsed else super().sizeHint().expandedTo(qt.QSize(120, HEADER))

    def minimumSizeHint(self):
        """Return the least size of both."""
        return qt.QSize(120, HEADER) if self._collapsed else super().minimumSizeHint()

    def draw_header(self, painter, text: str) -> None:
        """Draw the text with an arrow that says whether the contents are shown."""
        place = qt.QRect(8, 0, self.width - 8, HEADER - 2)
        painter.drawText(place, qt.Qt.AlignVCenter, f"{'▸' if self._collapsed else '▾'}  {text}".replace("&&", "&"))


class ctkCollapsibleButton(Folding, qt.QAbstractButton):
    """A button with contents under it."""

    contentsCollapsed = Signal(bool)

    def __init__(self, *arguments) -> None:
        super().__init__(*[argument for argument in arguments if not isinstance(argument, str)])
        self.text = next((argument for argument in arguments if isinstance(argument, str)), "")
        self.setContentsMargins(0, HEADER, 0, 0)
        self.setSizePolicy(qt.QSizePolicy.Preferred, qt.QSizePolicy.Preferred)
        self.checkable = self.checked = True
        self.connect("toggled(bool)", lambda on: self._set_collapsed(not on))

    collapsed = Property(bool, lambda self: self._collapsed, Folding._set_collapsed)
    collapsedHeight = stored(int, "collapsedHeight", 0)
    flat = stored(bool, "flat", False)
    contentsFrameShape = stored(int, "contentsFrameShape", 0)
    contentsFrameShadow = stored(int, "contentsFrameShadow", 16)
    contentsLineWidth = stored(int, "contentsLineWidth", 1)

    def hitButton(self, place) -> bool:
        """Only the header is the button."""
        return place.y() < HEADER

    def paintEvent(self, _event) -> None:
        """Draw the header."""
        painter = qt.QPainter(self)
        painter.fillRect(0, 0, self.width, HEADER - 2, self.palette.mid())
        self.draw_header(painter, self.text)
        painter.end()


class ctkCollapsibleGroupBox(Folding, qt.QGroupBox):
    """A group box that folds."""

    def __init__(self, *arguments) -> None:
        super().__init__(*arguments)
        self.checkable = self.checked = True
        self.connect("toggled(bool)", lambda on: self._set_collapsed(not on))

    collapsed = Property(bool, lambda self: self._collapsed, Folding._set_collapsed)
    collapsedHeight = stored(int, "collapsedHeight", 14)

    def paintEvent(self, _event) -> None:
        """Draw the title, and a frame about the contents."""
        painter = qt.QPainter(self)
        if not self._collapsed:
            painter.setPen(self.palette.mid().color())
            painter.drawRect(0, HEADER // 2, self.width - 1, self.height - HEADER // 2 - 1)
            painter.setPen(self.palette.text().color())
            wide = painter.fontMetrics().horizontalAdvance(f"▾  {self.title}")
            painter.fillRect(4, 0, wide + 8, HEADER - 2, self.palette.window())
        self.draw_header(painter, self.title)
        painter.end()
