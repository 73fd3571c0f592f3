"""HTML made of elements, so that no text, whatever it holds, can become markup."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable
from typing import TypeAlias
from xml.etree import ElementTree

Element: TypeAlias = ElementTree.Element
Content: TypeAlias = "Element | str | Iterable[Element | str | None] | None"

UNREADABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069\ufffe\uffff]")
"""Control characters, halves of characters that file names may hold, and marks that turn the text after them round,
which could make a name read as another one."""

REPLACEMENT = "\ufffd"
"""Stands for characters that cannot be shown."""


def tag(name: str, *contents: Content, **attributes: str | float | None) -> Element:
    """Return an element with its contents and attributes; `class_` means class, and data_x means data-x.

    Attributes that are None are left out. Texts are shown as they are.
    """
    element = ElementTree.Element(name)
    for key, value in attributes.items():
        if value is not None:
            element.set(key.rstrip("_").replace("_", "-"), readable(str(value)))
    for content in contents:
        _add(element, content)
    return element


def readable(text: str) -> str:
    """Return text as it can be shown and stored: what is no character, or turns the line round, is replaced."""
    return UNREADABLE.sub(REPLACEMENT, text)


def document(title: str, style: str, script: str, body: Iterable[Element], *, frames: bool = False) -> str:
    """Return a complete page that loads nothing from anywhere and runs no script but this one.

    style and script are the program's own, never a user's: they are not escaped. frames: pages beside it may be shown
    in it.
    """
    allowed = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
        f"script-src 'sha256-{allowed}'" + "; frame-src 'self' file:" * frames
    )
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", **{"http-equiv": "Content-Security-Policy", "content": policy}),
        tag("meta", name_="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name_="color-scheme", content="light dark"),
        tag("meta", name_="referrer", content="no-referrer"),
        tag("title", title),
        _raw("style", style),
    )
    page = tag("html", head, tag("body", [*body, _raw("script", script)]), lang="en")
    return "<!doctype html>\n" + ElementTree.tostring(page, encoding="unicode", method="html") + "\n"


def data_url(content: bytes, kind: str = "image/png") -> str:
    """Return bytes as an address that holds them."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _raw(name: str, text: str) -> Element:
    """Return a style or script; their text is written as it is, and so must not hold the end of the element."""
    if "</" in text:
        raise ValueError(f"a {name} must not hold </")
    element = ElementTree.Element(name)
    element.text = text
    return element


def _add(element: Element, content: Content) -> None:
    if content is None:
        return
    if isinstance(content, Element):
        element.append(content)
    elif isinstance(content, str):
        text = readable(content)
        if len(element):
            element[-1].tail = (element[-1].tail or "") + text
        else:
            element.text = (element.text or "") + text
    else:
        for each in content:
            _add(element, each)
