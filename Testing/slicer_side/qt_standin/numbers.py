"""CTK's widgets for numbers."""

import qt
from PySide6.QtCore import Property, Signal

from slicer_side.qt_standin.properties import stored


class ctkSliderWidget(qt.QWidget):
    """A slider and a spin box that show the same number."""

    STEPS = 1000
    valueChanged = Signal(float)
    valueIsChanging = Signal(float)
    decimalsChanged = Signal(int)

    def __init__(self, parent=None) -> None:
        super().__init__(parent)
        self._slider = qt.QSlider(qt.Qt.Horizontal, self)
        self._slider.maximum = self.STEPS
        self._box = qt.QDoubleSpinBox(self)
        row = qt.QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._slider)
        row.addWidget(self._box)
        self._box.valueChanged.connect(self._follow_box)
        self._slider.sliderMoved.connect(self._follow_slider)

    def _follow_box(self, value) -> None:
        span = self._box.maximum - self._box.minimum
        self._slider.setValue(round(self.STEPS * (value - self._box.minimum) / span) if span else 0)
        self.valueChanged.emit(value)

    def _follow_slider(self, position) -> None:
        span = self._box.maximum - self._box.minimum
        self._box.value = self._box.minimum + span * position / self.STEPS

    def _of_box(kind, name):
        return Property(kind, lambda self: getattr(self._box, name), lambda self, v: setattr(self._box, name, v))

    value = _of_box(float, "value")
    minimum = _of_box(float, "minimum")
    maximum = _of_box(float, "maximum")
    singleStep = _of_box(float, "singleStep")
    decimals = _of_box(int, "decimals")
    suffix = _of_box(str, "suffix")
    prefix = _of_box(str, "prefix")
    pageStep = stored(float, "pageStep", 10.0)
    tracking = stored(bool, "tracking", True)
    tickInterval = stored(float, "tickInterval", 0.0)
    spinBoxVisible = Property(bool, lambda self: not self._box.isHidden(), lambda self, on: self._box.setVisible(on))
    popupSlider = stored(bool, "popupSlider", False)
    invertedAppearance = stored(bool, "invertedAppearance", False)
    del _of_box

    def setValue(self, value) -> None:
        self._box.value = value

    def setDecimals(self, decimals) -> None:
        self._box.decimals = decimals

    def setSpinBoxVisible(self, on) -> None:
        self.spinBoxVisible = on

    def reset(self) -> None:
        self._box.value = min(max(0.0, self._box.minimum), self._box.maximum)


class ctkRangeWidget(qt.QWidget):
    """Two numbers, the first not above the second."""

    valuesChanged = Signal(float, float)
    minimumValueChanged = Signal(float)
    maximumValueChanged = Signal(float)
    rangeChanged = Signal(float, float)

    def __init__(self, parent=None) -> None:
        super().__init__(parent)
        row = qt.QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        self._low, self._high = qt.QDoubleSpinBox(self), qt.QDoubleSpinBox(self)
        for box in (self._low, self._high):
            row.addWidget(box)
        self._high.value = self._high.maximum
        self._low.valueChanged.connect(self._low_moved)
        self._high.valueChanged.connect(self._high_moved)

    def _low_moved(self, value) -> None:
        self._high.value = max(self._high.value, value)
        self.minimumValueChanged.emit(value)
        self.valuesChanged.emit(value, self._high.value)

    def _high_moved(self, value) -> None:
        self._low.value = min(self._low.value, value)
        self.maximumValueChanged.emit(value)
        self.valuesChanged.emit(self._low.value, value)

    def _of_both(kind, name):
        def write(self, value):
            setattr(self._low, name, value)
            setattr(self._high, name, value)

        return Property(kind, lambda self: getattr(self._low, name), write)

    minimum = _of_both(float, "minimum")
    maximum = _of_both(float, "maximum")
    decimals = _of_both(int, "decimals")
    suffix = _of_both(str, "suffix")
    prefix = _of_both(str, "prefix")
    tracking = stored(bool, "tracking", True)
    symmetricMoves = stored(bool, "symmetricMoves", False)
    autoSpinBoxWidth = stored(bool, "autoSpinBoxWidth", True)
    tickInterval = stored(float, "tickInterval", 0.0)
    minimumValue = Property(float, lambda self: self._low.value, lambda self, value: setattr(self._low, "value", value))
    maximumValue = Property(
        float, lambda self: self._high.value, lambda self, value: setattr(self._high, "value", value)
    )
    del _of_both

    def setSingleStep(self, step) -> None:
        """Take a step; CTK says no to one that is larger than the range, and goes on with the old one."""
        if step > self.maximum - self.minimum > 0:
            raise ValueError(f"ctkRangeWidget.singleStep {step} is larger than its range")
        self._low.singleStep = self._high.singleStep = step

    singleStep = Property(float, lambda self: self._low.singleStep, setSingleStep)

    def setRange(self, low, high) -> None:
        self.minimum, self.maximum = low, high

    def setValues(self, low, high) -> None:
        self._high.value = max(high, self._low.value)
        self._low.value, self._high.value = low, high

    def setMinimumValue(self, value) -> None:
        self._low.value = value

    def setMaximumValue(self, value) -> None:
        self._high.value = value

    def setDecimals(self, decimals) -> None:
        self.decimals = decimals
