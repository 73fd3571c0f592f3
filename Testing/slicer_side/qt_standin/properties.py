"""Properties of the stand-ins that do no more than remember their value."""

from PySide6.QtCore import Property


def stored(kind, name: str, default, changed=None) -> Property:
    """Return a Qt property that remembers its value; `changed` is called with the widget after a new one was set."""
    place = f"_stored_{name}"

    def read(self):
        return getattr(self, place, default)

    def write(self, value):
        if value == read(self):
            return
        setattr(self, place, value)
        if changed is not None:
            changed(self)

    return Property(kind, read, write)
