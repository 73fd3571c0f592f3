"""What a slot or an observer raises is printed by Qt and VTK and then forgotten: here it is kept."""

import sys
import traceback


class SlotErrors:
    """Gathers what would be printed while it is entered; leaving it fails where there was something."""

    def __enter__(self) -> "SlotErrors":
        self.texts: list[str] = []
        self._before = sys.excepthook
        sys.excepthook = lambda *error: self.texts.append("".join(traceback.format_exception(*error)))
        return self

    def __exit__(self, *_) -> None:
        sys.excepthook = self._before
        assert not self.texts, "a slot or an observer raised:\n" + "\n".join(self.texts)
