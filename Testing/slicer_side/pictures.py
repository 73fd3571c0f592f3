"""Pictures of the panel, and of a window like Slicer's with the panel and the views in it."""

from pathlib import Path

import numpy as np
import qt

from slicer_side import views

COLOURS = {"Red": "#f34a33", "Green": "#6eb04b", "Yellow": "#edd54c", "3D": "#7478be"}
BAR = 22


def panel_pixmap(widget, width: int = 480, height: int | None = None):
    """Return what a module's panel shows; `widget` is what slicer.modules.<name>.widgetRepresentation() returns."""
    widget.setAttribute(qt.Qt.WA_DontShowOnScreen)
    widget.show()
    widget.resize(width, height or 10)
    for _ in range(3):  # folding and word wrap settle in turns
        qt.QApplication.processEvents()
        wanted = max(widget.layout().totalHeightForWidth(width), widget.layout().totalSizeHint().height())
        widget.resize(width, max(wanted, height or 0))
    return widget.grab()


def write_panel(widget, path: Path | str, width: int = 480) -> None:
    """Write a picture of the whole panel, however long."""
    save(panel_pixmap(widget, width), path)


def write_window(widget, path: Path | str, title: str, size: tuple[int, int] = (1600, 960), width: int = 520) -> None:
    """Write a picture of a window with the panel at the left and the four views at the right."""
    window = qt.QWidget()
    window.setAttribute(qt.Qt.WA_DontShowOnScreen)
    window.resize(*size)
    column = qt.QVBoxLayout(window)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(0)
    column.addWidget(text_bar("File     Edit     View     Help", "#e8e8e8", "black"))
    column.addWidget(text_bar(f"Modules:   {title}", "#dcdcdc", "black"))
    row = qt.QHBoxLayout()
    row.setSpacing(4)
    column.addLayout(row)
    height = size[1] - 2 * BAR
    row.addWidget(picture_label(panel_pixmap(widget, width, height).copy(0, 0, width, height)))
    row.addLayout(view_grid(((size[0] - width - 8) // 2, height // 2 - BAR)))
    window.show()
    save(window.grab(), path)
    window.delete()


def view_grid(size: tuple[int, int]):
    """Return a layout of the four views, each under its coloured bar."""
    grid = qt.QGridLayout()
    grid.setSpacing(0)
    grid.setHorizontalSpacing(4)
    places = {"Red": (0, 0), "3D": (0, 1), "Green": (2, 0), "Yellow": (2, 1)}
    for name, (line, column) in places.items():
        with views.View3D(size) if name == "3D" else views.SliceView(name, size) as view:
            if name == "3D":
                text = "1"
            else:
                offset = view.node.GetSliceOffset()
                view.fit()
                view.node.SetSliceOffset(offset or view.node.GetSliceOffset())  # a slice that was chosen stays
                text = f"{name[0]}    {view.node.GetOrientation()}    {view.node.GetSliceOffset():.1f} mm"
            grid.addWidget(text_bar(text, COLOURS[name], "white"), line, column)
            grid.addWidget(picture_label(pixmap(view.picture())), line + 1, column)
    return grid


def text_bar(text: str, background: str, foreground: str):
    """Return a bar with a text."""
    label = qt.QLabel(text)
    label.setFixedHeight(BAR)
    label.setStyleSheet(f"background: {background}; color: {foreground}; padding-left: 8px")
    return label


def picture_label(picture):
    """Return a label that shows a pixmap."""
    label = qt.QLabel()
    label.pixmap = picture
    return label


def pixmap(picture: np.ndarray):
    """Return an array of colours as Qt's picture."""
    rows, columns, _ = picture.shape
    data = np.ascontiguousarray(picture)
    return qt.QPixmap.fromImage(qt.QImage(data.data, columns, rows, 3 * columns, qt.QImage.Format_RGB888).copy())


def save(picture, path: Path | str) -> None:
    """Write a pixmap; a file that cannot be written is an error."""
    if not picture.save(str(path)):
        raise OSError(f"{path} cannot be written")
