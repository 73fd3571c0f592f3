"""CTK's buttons, paths and combo boxes."""

from pathlib import Path

import qt
from PySide6.QtCore import Property, Signal

from slicer_side.qt_standin.properties import stored


class ctkPathLineEdit(qt.QWidget):
    """A path to a file or folder, with a button that opens a dialogue."""

    Dirs, Files, Drives, NoSymLinks = 1, 2, 4, 8
    Readable, Writable, Executable, Modified, Hidden, System = 0x10, 0x20, 0x40, 0x80, 0x100, 0x200
    NoDotAndDotDot, NoDot, NoDotDot = 0x1000, 0x2000, 0x4000
    currentPathChanged = Signal(str)
    validInputChanged = Signal(bool)

    def __init__(self, parent=None) -> None:
        super().__init__(parent)
        self._line = qt.QLineEdit(self)
        button = qt.QToolButton(self)
        button.text = "..."
        row = qt.QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._line)
        row.addWidget(button)
        self._line.textChanged.connect(self.currentPathChanged)

    def setCurrentPath(self, path: str) -> None:
        """Set the path, which has to be text."""
        if not isinstance(path, str):
            raise TypeError(f"ctkPathLineEdit.currentPath cannot be {path!r}")
        self._line.text = path

    currentPath = Property(str, lambda self: self._line.text, setCurrentPath)
    label = stored(str, "label", "")
    filters = stored(int, "filters", 0)
    options = stored(int, "options", 0)
    nameFilters = stored("QStringList", "nameFilters", [])
    settingKey = stored(str, "settingKey", "")
    showBrowseButton = stored(bool, "showBrowseButton", True)
    showHistoryButton = stored(bool, "showHistoryButton", True)
    minimumContentsLength = stored(int, "minimumContentsLength", 0)

    def addCurrentPathToHistory(self) -> None:
        """Do nothing: the stand-in keeps no history."""

    def browse(self) -> None:
        """Refuse: nobody is there to answer a dialogue."""
        raise RuntimeError("a file dialogue was opened in a test")


class ctkDirectoryButton(qt.QWidget):
    """A folder on a button."""

    directoryChanged = Signal(str)
    directorySelected = Signal(str)

    def __init__(self, *arguments) -> None:
        super().__init__(*[a for a in arguments if not isinstance(a, str)])
        self._directory = "."
        self._button = qt.QPushButton(self)
        row = qt.QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._button)

    def _set_directory(self, path: str) -> None:
        path = str(Path(path).absolute())
        if path != self._directory:
            self._directory = self._button.text = path
            self.directoryChanged.emit(path)

    directory = Property(str, lambda self: self._directory, _set_directory)
    caption = stored(str, "caption", "")
    text = stored(str, "text", "")

    def browse(self) -> None:
        """Refuse: nobody is there to answer a dialogue."""
        raise RuntimeError("a file dialogue was opened in a test")


class ctkComboBox(qt.QComboBox):
    """A combo box with a text for no choice."""

    NeverScroll, AlwaysScroll, ScrollWithFocus, ScrollWithNoVScrollBar = range(4)
    defaultText = stored(str, "defaultText", "")
    forceDefault = stored(bool, "forceDefault", False)
    scrollWheelEffect = stored(int, "scrollWheelEffect", 1)
    currentUserDataAsString = Property(
        str,
        lambda self: str(self.currentData or ""),
        lambda self, text: self.setCurrentIndex(self.findData(text)),
    )


class ctkCheckableComboBox(qt.QComboBox):
    """A combo box whose items can be ticked."""

    checkedIndexesChanged = Signal()

    def __init__(self, parent=None) -> None:
        super().__init__(parent)
        self.model().dataChanged.connect(lambda *_: self.checkedIndexesChanged.emit())
        self.model().rowsInserted.connect(self._make_checkable)

    def _make_checkable(self, _parent, first, last) -> None:
        before = self.model().blockSignals(True)
        for row in range(first, last + 1):
            item = self.model().item(row)
            if item.data(qt.Qt.CheckStateRole) is None:
                item.setCheckState(qt.Qt.Unchecked)
        self.model().blockSignals(before)

    def checkableModel(self):
        """Return the model whose items are ticked."""
        return self.model()

    def _indexes(self):
        return [self.model().index(row, 0) for row in range(self.count)]

    def checkedIndexes(self):
        """Return the ticked ones."""
        return [index for index in self._indexes() if self.checkState(index) == qt.Qt.Checked]

    def checkState(self, index):
        """Return whether one is ticked."""
        return self.model().itemFromIndex(index).checkState()

    def setCheckState(self, index, state) -> None:
        """Tick one or not."""
        self.model().itemFromIndex(index).setCheckState(state)

    def allChecked(self) -> bool:
        """Say whether all are ticked."""
        return len(self.checkedIndexes()) == self.count

    def noneChecked(self) -> bool:
        """Say whether none is."""
        return not self.checkedIndexes()


class ctkFittedTextBrowser(qt.QTextBrowser):
    """A text browser as high as its text."""

    disableMouseScroll = stored(bool, "disableMouseScroll", True)
    collapsed = stored(bool, "collapsed", True)
    showDetailsText = stored(str, "showDetailsText", "Show details...")
    hideDetailsText = stored(str, "hideDetailsText", "Hide details")

    def setCollapsibleText(self, text: str) -> None:
        """Show a text."""
        self.setText(text)

    def setCollapsibleHtml(self, text: str) -> None:
        """Show formatted text."""
        self.setHtml(text)


class ctkMenuButton(qt.QPushButton):
    """A button with a menu at its side."""


class ctkExpandableWidget(qt.QFrame):
    """A frame that can be made larger."""


class ctkMessageBox(qt.QMessageBox):
    """A message box: in a test nobody closes it, so nothing may show it."""

    dontShowAgainVisible = stored(bool, "dontShowAgainVisible", False)
    dontShowAgainSettingsKey = stored(str, "dontShowAgainSettingsKey", "")

    def exec_(self) -> None:
        """Refuse."""
        raise RuntimeError(f"a message box was opened in a test: {self.text}")


class ctkColorPickerButton(qt.QPushButton):
    """A colour on a button."""

    colorChanged = Signal(qt.QColor)

    def setColor(self, colour) -> None:
        """Choose a colour."""
        if colour != self.color:
            self._colour = qt.QColor(colour)
            self.colorChanged.emit(self._colour)

    color = Property(qt.QColor, lambda self: getattr(self, "_colour", qt.QColor()), setColor)
    displayColorName = stored(bool, "displayColorName", True)
    dialogOptions = stored(int, "dialogOptions", 0)
