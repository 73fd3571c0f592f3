"""Values that lie in a node of the scene: they are saved with it, and whoever shows the node sees them change.

A class that has some of them is `Values`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Stored:
    """A value that is a text in the parameter node; an empty or unreadable text is the default."""

    def __init__(self, default: Any, read: Callable[[str], Any] = str, write: Callable[[Any], str] = str) -> None:
        """Say how the text is read and written."""
        self.default, self.read, self.write = default, read, write

    def __set_name__(self, owner: type, name: str) -> None:
        """Remember under which name the text lies in the node."""
        self.name = name

    def __get__(self, owner: Any, kind: type | None = None) -> Any:
        """Return the value."""
        text = owner.node.GetParameter(self.name)
        try:
            return self.read(text) if text else self.default
        except (ValueError, TypeError):  # a scene edited by hand: the control shows the default
            return self.default

    def __set__(self, owner: Any, value: Any) -> None:
        """Store the value; None is the default."""
        owner.node.SetParameter(self.name, "" if value is None else self.write(value))


class StoredSwitch(Stored):
    """A yes or no."""

    def __init__(self, default: bool) -> None:
        """Say what holds where the node has neither."""
        super().__init__(default, lambda text: text == "yes", lambda on: "yes" if on else "no")


class StoredNode:
    """A node that the parameter node refers to, or None."""

    def __set_name__(self, owner: type, name: str) -> None:
        """Remember the role of the reference."""
        self.name = name

    def __get__(self, owner: Any, kind: type | None = None) -> Any:
        """Return the node."""
        return owner.node.GetNodeReference(self.name)

    def __set__(self, owner: Any, node: Any) -> None:
        """Refer to another node."""
        owner.node.SetNodeReferenceID(self.name, node.GetID() if node else None)


class Values:
    """Has the node that its values lie in."""

    def __init__(self, node: Any) -> None:
        """Wrap the node."""
        self.node = node


class Together:
    """Makes several changes of a node one change, so that observers see no half of it."""

    def __init__(self, node: Any) -> None:
        """Name the node."""
        self.node = node

    def __enter__(self) -> None:
        """Hold the node's events back."""
        self._before = self.node.StartModify()

    def __exit__(self, *error: object) -> None:
        """Send them as one."""
        self.node.EndModify(self._before)
