"""Errors that VTK and MRML report are gathered instead of printed, so that a test that causes one fails."""

from collections.abc import Iterator
from contextlib import contextmanager

import vtk
from vtkmodules.util.misc import calldata_type


class VtkErrors:
    """The errors reported since they were last taken. Warnings are kept apart: they fail nothing."""

    def __init__(self) -> None:
        self.errors: list[str] = []
        self.warnings: list[str] = []
        self._window = vtk.vtkStringOutputWindow()

        @calldata_type(vtk.VTK_STRING)
        def note(_window, event, text):
            (self.errors if event == "ErrorEvent" else self.warnings).append(text.strip())

        self._window.AddObserver("ErrorEvent", note)
        self._window.AddObserver("WarningEvent", note)

    def install(self) -> None:
        """Become VTK's output window."""
        vtk.vtkLogger.SetStderrVerbosity(vtk.vtkLogger.VERBOSITY_OFF)
        vtk.vtkOutputWindow.SetInstance(self._window)

    def take(self) -> list[str]:
        """Return the errors so far and forget them."""
        taken, self.errors[:], self.warnings[:] = list(self.errors), [], []
        return taken

    @contextmanager
    def expected(self, part: str) -> Iterator[None]:
        """Allow the errors of a block, one of which has to contain this text: one cause makes several of them."""
        before = len(self.errors)
        yield
        assert any(part in text for text in self.errors[before:]), f"VTK reported no error with {part!r}"
        del self.errors[before:]


VTK_ERRORS = VtkErrors()
