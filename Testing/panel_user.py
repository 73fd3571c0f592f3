"""A person at the panel: clicks, types and chooses, by the names that the widgets have."""

import numpy as np
import pytest

from QSMLogic.phantom import head_phantom

SHAPE, VOXEL_SIZE = (40, 44, 36), (5.0, 5.0, 5.5)
TIMES = (0.005, 0.011, 0.017, 0.023)


def pick_in(selector, node) -> None:
    """Choose a node, or none, from the list of a node selector."""
    import qt

    listed = [selector.nodeFromIndex(i) for i in range(selector.nodeCount())]
    assert node is None or node in listed, f"{selector.objectName} does not list {node.GetName()}"
    box = selector.findChild(qt.QComboBox)
    row = 0 if node is None else listed.index(node) + int(selector.noneEnabled)
    box.setCurrentIndex(row)
    box.activated.emit(row)


class User:
    """Works the panel of a loaded module."""

    def __init__(self, module) -> None:
        self.module, self.panel, self.ui = module, module.panel, module.panel.ui
        self.top = module.parent
        self.top.resize(400, 1400)
        self.top.show()

    @property
    def parameters(self):
        return self.panel.parameters

    @property
    def message(self) -> str:
        return self.ui.messageLabel.text

    @property
    def missing(self) -> str:
        """What is said beside Apply while that is disabled."""
        assert not self.ui.applyButton.enabled
        return self.ui.readyLabel.text

    def find(self, name: str):
        """Return a widget by its name, one of the .ui file or one the panel has made."""
        import slicer

        slicer.app.processEvents()
        found = [widget for widget in slicer.util.findChildren(self.top, name=name) if widget.isVisible()]
        assert len(found) == 1, f"the panel shows {len(found)} widgets called {name}"
        return found[0]

    def click(self, name: str) -> None:
        """Click a button or check box."""
        button = self.find(name)
        assert button.enabled, f"{name} cannot be clicked"
        button.click()

    def unfold(self, name: str) -> None:
        """Open a folded group."""
        self.find(name).collapsed = False

    def type(self, name: str, text: str) -> None:
        """Type into a line or a box and press Enter."""
        import qt
        from PySide6.QtTest import QTest

        widget = self.find(name)
        line = next(iter(widget.findChildren(qt.QLineEdit)), widget)
        assert line.enabled, f"{name} cannot be typed into"
        line.selectAll()
        if text:
            QTest.keyClicks(line, text)
        else:
            QTest.keyClick(line, qt.Qt.Key_Delete)
        QTest.keyClick(line, qt.Qt.Key_Return)

    def choose(self, name: str, entry) -> None:
        """Choose an entry of a menu by its data."""
        menu = self.find(name)
        index = menu.findData(entry)
        assert index >= 0, f"{name} has no {entry}"
        menu.setCurrentIndex(index)

    def chosen(self, name: str):
        menu = self.find(name)
        return menu.itemData(menu.currentIndex)

    def pick(self, name: str, node) -> None:
        """Choose a node from the list of a node selector."""
        pick_in(self.find(name), node)

    def enter_time(self, row: int, text: str) -> None:
        """Type into the column of echo times."""
        self.ui.echoTable.item(row, 0).setText(text)

    def times(self) -> list[str]:
        table = self.ui.echoTable
        return [table.item(row, 0).text() for row in range(table.rowCount)]

    def wait(self, condition, seconds: float = 60.0) -> None:
        from slicer_side.qt_standin.app import wait_until

        assert wait_until(condition, seconds), f"it took too long; the panel says: {self.message}"

    def run(self) -> None:
        """Press Apply and wait for the end."""
        self.click("applyButton")
        assert self.panel.runSection.job is not None, self.message
        self.wait(lambda: self.panel.runSection.job is None)


@pytest.fixture(scope="session")
def small_head():
    """Return a head whose run takes a second or two."""
    return head_phantom(SHAPE, VOXEL_SIZE, echo_times=TIMES, snr=100)


@pytest.fixture
def user(qsm_widget):
    """Return a person at the panel of the module, in an empty scene."""
    return User(qsm_widget)


@pytest.fixture
def images(nodes, small_head, user):
    """Return the phase and the magnitude volumes of the head, in the scene."""
    matrix = np.diag([*VOXEL_SIZE, 1.0])
    return [
        [nodes.volume(array[..., i], matrix, name=f"gre_{kind}_e{i + 1}") for i in range(len(TIMES))]
        for kind, array in (("phase", small_head.scan.phase), ("mag", small_head.scan.magnitude))
    ]


@pytest.fixture
def ready(user, images):
    """Return a person who has filled in everything, for a fast run."""
    user.click("findEchoesButton")
    user.enter_time(0, "5 11 17 23")
    user.type("fieldStrengthEdit", "3")
    user.choose("presetComboBox", "fast")
    user.unfold("stagesGroupBox")
    assert user.ui.applyButton.enabled, user.ui.readyLabel.text
    return user


@pytest.fixture
def open_user(user):
    """Return a person who has opened the methods."""
    user.unfold("stagesGroupBox")
    return user


def form_of(user, stage):
    """Return the form of a stage, the first of those that have several."""
    if stage == "masking":
        return user.panel.sections[3].masking.rows[0].form
    if stage == "maps":
        return user.panel.sections[4].maps.rows[0].form
    return next(form.form for form in user.panel.sections[4].stages if form.stage == stage)


def answer(monkeypatch, function, path):
    """Choose a file, as a person does in a file dialogue."""
    import qt

    monkeypatch.setattr(qt.QFileDialog, function, staticmethod(lambda *_: str(path)), raising=False)
