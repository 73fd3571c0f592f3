"""The folder of a cohort's results as a BIDS data set of derivatives: its description, and what it says of itself."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

from .. import __version__
from ..errors import InputError
from ..io.outputs import in_words, whole_file
from ..io.parameters import DATA_SET
from . import names
from .unit import Plan

BIDS_VERSION = "1.10.0"
"""Of the standard whose rules the files follow."""

NAME = "SlicerQSM"
HOMEPAGE = "https://github.com/SlicerQSM/SlicerQSM"

RAW = "raw"
"""What the URIs of sources call the data set of the images."""

IGNORED = (".qsm-*", f"{names.LOGS}/", "/*.html", "/qsm-*", "/group_*", "*_regions.*", "*_qsmmap.*")
"""What BIDS does not know, for .bidsignore."""

README = """Susceptibility maps made by SlicerQSM (qsm bids).

sub-*/[ses-*/]anat   Chimap: susceptibility, ppm; desc-brain_mask; desc-eroded_mask: where the map is valid
sub-*/[ses-*/]fmap   desc-total_fieldmap, desc-local_fieldmap: Hz; magnitude: root of the summed squares of the echoes
sub-*.html           report of each acquisition; index.html: of all
sub-*_regions.tsv    susceptibility in each region; group_regions.tsv, group_quality.tsv: of all (level group)
logs                 for each acquisition: provenance, settings, methods text, references
qsm-outcomes.tsv     what became of each acquisition, and why
"""


def begin(plan: Plan) -> None:
    """Make the data set of the derivatives, or see that it is one of ours and of the same images.

    Raises InputError where the folder holds anything else.
    """
    dataset, out = plan.dataset.resolve(), plan.out.resolve()
    if out == dataset or dataset.is_relative_to(out):
        raise InputError(f"{plan.out} holds the images themselves: name another folder, such as {dataset}-qsm.")
    if out.is_relative_to(dataset) and out.relative_to(dataset).parts[0].startswith("sub-"):
        raise InputError(f"{plan.out} lies among the images: name another folder, such as {dataset}/derivatives/qsm.")
    if out.exists() and not out.is_dir():
        raise InputError(f"{plan.out} is a file: name a folder for the results.")
    description = out / DATA_SET
    link = _link(dataset, out)
    if description.exists():
        _refuse_other(description, link)
    else:
        _refuse_things(out)
        out.mkdir(parents=True, exist_ok=True)
        _put(description, json.dumps(_description(dataset, link), indent=2, ensure_ascii=False) + "\n")
    for name, text in ((".bidsignore", "\n".join(IGNORED) + "\n"), ("README", README)):
        if not (out / name).exists():
            _put(out / name, text)


def _refuse_things(out: Path) -> None:
    """Raise InputError where a folder that is no data set holds anything: it may be somebody's home."""
    others = [path.name for path in out.iterdir() if not path.name.startswith(".")] if out.exists() else []
    if others:
        raise InputError(f"{out} holds other things ({others[0]}): name a new or an empty folder.")


def _refuse_other(description: Path, link: str) -> None:
    """Raise InputError where a data set was not made by this program, or of other images."""
    try:
        said = json.loads(description.read_text("utf-8"))
        ours = any(maker.get("Name") == NAME for maker in said.get("GeneratedBy", ()))
        linked = said.get("DatasetLinks", {}).get(RAW, link)
    except (OSError, ValueError, AttributeError, TypeError):
        ours, linked = False, link
    if not ours:
        raise InputError(f"{description.parent} holds another data set: name a new or an empty folder.")
    if linked != link:
        raise InputError(
            f"{description.parent} holds maps of the data set {linked}, not of {link}: name another folder, or "
            f"correct DatasetLinks in its {DATA_SET} where that data set was moved."
        )


def _description(dataset: Path, link: str) -> dict[str, Any]:
    try:
        source = json.loads((dataset / DATA_SET).read_text("utf-8-sig"))
    except (OSError, ValueError):
        source = {}
    source = source if isinstance(source, dict) else {}
    origin = {"DOI": source["DatasetDOI"]} if source.get("DatasetDOI") else {"URL": dataset.as_uri()}
    return {
        "Name": f"Susceptibility maps of {source.get('Name') or dataset.name}",
        "BIDSVersion": BIDS_VERSION,
        "DatasetType": "derivative",
        **({"License": source["License"]} if source.get("License") else {}),
        "GeneratedBy": [{"Name": NAME, "Version": __version__, "CodeURL": HOMEPAGE}],
        "SourceDatasets": [origin],
        "DatasetLinks": {RAW: link},
    }


def _link(dataset: Path, out: Path) -> str:
    """Return the way from one folder to the other as a relative URL, so that both may be moved together."""
    try:
        return quote(Path(os.path.relpath(dataset, out)).as_posix())
    except ValueError:  # another drive, on Windows
        return dataset.as_uri()


def _put(path: Path, text: str) -> None:
    try:
        with whole_file(path) as part:
            part.write_text(text, "utf-8")
    except OSError as error:
        raise InputError(in_words(error, path)) from None
