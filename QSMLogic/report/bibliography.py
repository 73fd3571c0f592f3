"""The references of the methods, read from references.bib and printed as a reader knows them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

REFERENCES = Path(__file__).parent / "references.bib"

ACCENTS = {
    "`": "\u0300", "'": "\u0301", "^": "\u0302", "~": "\u0303", '"': "\u0308", "=": "\u0304", ".": "\u0307",
    "u": "\u0306", "v": "\u030c", "H": "\u030b", "c": "\u0327", "k": "\u0328", "r": "\u030a",
}  # fmt: skip
"""Combining characters of TeX's accents."""

LETTERS = {
    r"\o": "ø",
    r"\O": "Ø",
    r"\ss": "ß",
    r"\l": "ł",
    r"\L": "Ł",
    r"\ae": "æ",
    r"\AE": "Æ",
    r"\aa": "å",
    r"\i": "i",
    r"\chi": "χ",
}
"""TeX's names for letters without an accent."""

MOST_AUTHORS = 6
"""More than these are printed as the first three and "et al."."""


@dataclass(frozen=True)
class Reference:
    """One entry: its key, its text in the file, its fields by name in plain Unicode, and family and given names."""

    key: str
    source: str
    fields: Mapping[str, str]
    authors: tuple[tuple[str, str], ...]

    def short(self) -> str:
        """Return the reference as cited in a text: "Wu et al., 2012"."""
        families = [family for family, _ in self.authors]
        who = f"{families[0]} et al." if len(families) > 2 else " and ".join(families)
        return ", ".join(part for part in (who or self.key, self.fields.get("year", "")) if part)

    def printed(self) -> str:
        """Return the reference as printed in a list: authors, title, journal, year, volume, pages and DOI."""
        get = self.fields.get
        people = [" ".join([family, _initials(given)]).strip() for family, given in self.authors]
        if len(people) > MOST_AUTHORS:
            people = [*people[:3], "et al"]
        place = get("journal") or get("booktitle") or get("publisher") or get("howpublished") or ""
        volume = get("volume", "") + (f"({get('number')})" if get("number") else "")
        pages = get("pages", "").replace("--", "-")
        where = f"{get('year', '')}" + (f";{volume}" if volume else "") + (f":{pages}" if pages else "")
        parts = [", ".join(people), get("title", ""), f"{place} {where}".strip()]
        text = " ".join(part if part.endswith(("?", "!")) else part.rstrip(".") + "." for part in parts if part)
        return f"{text} doi:{get('doi')}" if get("doi") else text


@cache
def references() -> Mapping[str, Reference]:
    """Return every reference of the package by its key."""
    return MappingProxyType(parse(REFERENCES.read_text("utf-8")))


def parse(text: str) -> dict[str, Reference]:
    """Read BibTeX entries: @kind{key, name = {value} or "value" or number, ...}."""
    found = {}
    for start in re.finditer(r"@(\w+)\s*\{\s*([^,\s]+)\s*,", text):
        if start.group(1).lower() in ("comment", "string", "preamble"):
            continue
        end = _closing(text, text.index("{", start.start()))
        raw = _fields(text[start.end() : end])
        names = re.split(r"\s+and\s+", raw.get("author", ""))
        found[start.group(2)] = Reference(
            start.group(2),
            text[start.start() : end + 1],
            {name: _plain(value) for name, value in raw.items()},
            tuple(_name(name.strip()) for name in names if name.strip()),
        )
    return found


def bibtex(keys: Iterable[str]) -> str:
    """Return the BibTeX file of these references."""
    return "\n\n".join(references()[key].source for key in keys) + "\n"


def _fields(body: str) -> dict[str, str]:
    fields, place = {}, 0
    while match := re.compile(r"\s*,?\s*([\w-]+)\s*=\s*").match(body, place):
        start = match.end()
        if body[start] == "{":
            end = _closing(body, start)
            value, place = body[start + 1 : end], end + 1
        elif body[start] == '"':
            end = body.index('"', start + 1)
            value, place = body[start + 1 : end], end + 1
        else:
            value = re.compile(r"[^,\s]*").match(body, start).group()  # type: ignore[union-attr]
            place = start + len(value)
        fields[match.group(1).lower()] = value
    return fields


def _closing(text: str, start: int) -> int:
    """Place of the brace that closes the one at start."""
    depth = 0
    for place in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[place], 0)
        if depth == 0:
            return place
    raise ValueError(f"a brace is not closed in: {text[start : start + 60]}")


def _plain(value: str) -> str:
    """Return a BibTeX value as plain Unicode: accents made, braces and line breaks gone."""
    value = re.sub(
        r"""\\(["'`^~=.]|[uvHckr](?![a-zA-Z]))\s*\{?(\\i|[a-zA-Z])\}?""",
        lambda m: unicodedata.normalize("NFC", m[2].removeprefix("\\") + ACCENTS[m[1]]),
        value,
    )
    value = re.sub(r"\\(?:chi|ss|ae|AE|aa|[oOlLi])(?![a-zA-Z])\s?", lambda m: LETTERS[m[0].strip()], value)
    value = re.sub(r"\\([&%$#_])", r"\1", value).replace("$", "")
    return " ".join(value.replace("{", "").replace("}", "").split())


def _name(name: str) -> tuple[str, str]:
    """Return family and given names; a name wholly in braces is that of a group and stays in one piece."""
    if name.startswith("{") and _closing(name, 0) == len(name) - 1:
        return _plain(name), ""
    name = _plain(name)
    if "," in name:
        family, given = name.split(",", 1)
        return family.strip(), given.strip()
    *given_names, family = name.split()
    return family, " ".join(given_names)


def _initials(given: str) -> str:
    return "".join(part[0] for part in re.split(r"[\s.\-]+", given) if part)
