"""Readable documents, TOML or JSON by the file's suffix, and the values that texts stand for."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from .errors import InputError
from .registry import Parameter

AUTOMATIC = "auto"
"""Written for an optional parameter that is left to the method (None in Python)."""

TRUE, FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")
"""Words for the two values of a switch."""


def read_document(path: Path) -> Any:
    """Return the content of a TOML or JSON file. Raises InputError naming the file."""
    suffix = _suffix(path)
    try:
        content = path.read_text("utf-8-sig")
    except OSError as error:
        raise InputError(f"The file {path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise InputError(f"{path} is not a text file.") from None
    try:
        return tomllib.loads(content) if suffix == ".toml" else json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not a {suffix[1:].upper()} document: {error}.") from None


def write_document(path: Path, document: Mapping[str, Any]) -> None:
    """Write tables of plain values as TOML or JSON."""
    as_toml = _suffix(path) == ".toml"
    path.write_text(toml(document) if as_toml else json.dumps(document, indent=2) + "\n", "utf-8")


def toml(document: Mapping[str, Any]) -> str:
    """Return a document of values, tables and lists of tables as TOML, values first."""
    lines = [f"{name} = {_toml(value)}" for name, value in document.items() if not isinstance(value, dict | list)]
    for name, content in document.items():
        if isinstance(content, dict | list):
            for part in content if isinstance(content, list) else [content]:
                lines += ["", f"[[{name}]]" if isinstance(content, list) else f"[{name}]"]
                lines += [f"{key} = {_toml(value)}" for key, value in part.items()]
    return "\n".join(lines).lstrip("\n") + "\n"


def value_of(parameter: Parameter, text: str) -> Any:
    """Return the value that a text stands for, not yet checked against the range; InputError where it is none."""
    if parameter.optional and text == AUTOMATIC and AUTOMATIC not in parameter.choices:
        return None
    if parameter.kind is bool:
        if text.lower() in TRUE + FALSE:
            return text.lower() in TRUE
        raise InputError(f"{parameter.info.label} = {text!r}: true or false is needed.")
    try:
        return parameter.kind(text)
    except ValueError:
        kind = "a whole number" if parameter.kind is int else "a number"
        raise InputError(f"{parameter.info.label} = {text!r}: {kind} is needed.") from None


def refuse_unknown(having: str, names: Iterable[str], known: Iterable[str]) -> None:
    """Raise InputError for the first name that is not known; having begins its message, as "The settings have"."""
    known = list(known)
    for name in names:
        if name not in known:
            raise InputError(f"{having} no {name!r}; known: {listed(known) or 'none'}.")


def as_table(name: str, content: Any) -> dict[str, Any]:
    """Return a copy of a table; InputError where the content is none."""
    if not isinstance(content, Mapping):
        raise InputError(f"{name} = {content!r}: a table of names and values is needed.")
    return dict(content)


def as_text(name: str, content: Any) -> str:
    """Return a text; InputError where the content is none."""
    if not isinstance(content, str):
        raise InputError(f"{name} = {content!r}: a text is needed.")
    return content


def listed(names: Iterable[str]) -> str:
    """Return names as a list in words."""
    return ", ".join(names)


def _toml(value: Any) -> str:
    """Return a value as TOML; JSON's text and booleans are the same there, and repr of a float is exact."""
    if type(value) in (int, float):
        return repr(value)
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _suffix(path: Path) -> str:
    if path.suffix.lower() not in (".toml", ".json"):
        raise InputError(f"{path}: a settings file ends in .toml or .json.")
    return path.suffix.lower()
