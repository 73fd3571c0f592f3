"""Measure how well an atlas finds regions that are known. Writes the tables in docs/measuring.md.

    python Testing/atlas_evidence.py --data ../shared/data

The CIT168 atlas is carried onto the development head by its magnitude, with more and more levels of registration. Both
are made of one atlas, which the head's nuclei were drawn from: the head is Colin27 with the nuclei of CIT168 warped to
it. So borders are drawn by one rule, and tissues are where the template's maker put them.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np

from QSMLogic import pipeline
from QSMLogic.atlas import Atlas, Carried, carry_labels, read_atlas
from QSMLogic.io.nifti import Geometry, read_image, read_labels, read_volume
from QSMLogic.metrics import dice
from QSMLogic.registration import LEVELS
from QSMLogic.scan import Scan
from QSMLogic.settings import Settings

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "measuring.md"
START, END = "<!-- atlas_evidence.py writes from here -->", "<!-- to here -->"

REGIONS = {
    "Caudate nucleus": (1, "Caudate"),
    "Globus pallidus": (2, "Globus Pallidus"),
    "Putamen": (3, "Putamen"),
    "Red nucleus": (4, "Red Nucleus"),
    "Nigra and subthalamic nucleus": (6, "Nigra", "Subthalamic"),
}
"""Label of the head, and the words by which the atlas's names are told. It has no thalamus and no dentate nucleus."""


Row = list[str]


def labels_named(atlas: Atlas, words: tuple[str, ...]) -> list[int]:
    return [label for label, name in atlas.names.items() if any(word in name for word in words)]


def default_map(folder: Path, mask: np.ndarray, geometry: Geometry) -> np.ndarray:
    """Return chi as the default preset makes it of the head's wrapped phase, in the given mask."""
    facts = json.loads((folder / "params.json").read_text())
    phase, _ = read_image(folder / "phase.nii.gz")
    magnitude, _ = read_image(folder / "magnitude.nii.gz")
    scan = Scan(phase, magnitude, tuple(facts["TE"]), facts["B0"], geometry.grid(facts["B0_dir"]))
    return pipeline.run(scan, Settings.preset(), given_mask=mask).maps["chi"]


def rows(carried: Carried, atlas: Atlas, truth: np.ndarray, maps: list[np.ndarray], mask: np.ndarray) -> list[Row]:
    """Return name, Dice, volume over the true one, the best Dice such a volume can have, and each map's mean."""
    table = []
    known = [np.where(mask & (chi != 0), chi - chi[mask & (chi != 0)].mean(), np.nan) for chi in maps]
    for name, (label, *words) in REGIONS.items():
        there, found = truth == label, np.isin(carried.labels, labels_named(atlas, tuple(words)))
        larger = found.sum() / there.sum()
        means = [1e3 * float(np.nanmean(chi[region])) for chi in known for region in (there, found)]
        best = 2 * min(1, larger) / (1 + larger)
        table.append([name, f"{dice(found, there):.2f}", f"{larger:.2f}", f"{best:.2f}", *(f"{m:.0f}" for m in means)])
    return table


def page(cases: list[tuple[str, float, Carried, list[Row]]]) -> str:
    """Return the tables as Markdown."""
    text = []
    for levels, seconds, carried, table in cases:
        fit = carried.fit
        text += [
            f"**{levels}**: {seconds:.0f} s of one core. Brains overlap by {fit.overlap:.2f}; similarity "
            f"{fit.similarity_before:.3f} before, {fit.similarity_after:.3f} after, {fit.similarity_turned:.3f} when "
            f"turned the wrong way. Warnings: {len(carried.warnings) or 'none'}.",
            "",
            "| region | Dice | volume / true | best Dice of such a volume | true chi in true region | true chi in "
            "carried region | default map in true region | default map in carried region |",
            "|---|---|---|---|---|---|---|---|",
            *(f"| {' | '.join(row)} |" for row in table),
            "",
        ]
    return "\n".join(text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data", help="atlas-cit168, phantom-dev")
    parser.add_argument("--dry-run", action="store_true", help="print the tables, and leave the page as it is")
    args = parser.parse_args()
    folder, head = args.data / "atlas-cit168", args.data / "phantom-dev"
    atlas = read_atlas(folder / "template_T1w_brain.nii.gz", folder / "labels.nii.gz", folder / "labels.csv")
    magnitude, geometry = read_image(head / "inputs" / "magnitude.nii.gz")
    mask = read_volume(head / "inputs" / "mask.nii.gz")[0] > 0
    truth, _ = read_labels(head / "groundtruth" / "dseg.nii.gz")
    chi, _ = read_volume(head / "groundtruth" / "chimap.nii.gz")
    maps = [chi, default_map(head / "inputs", mask, geometry)]
    cases = []
    for count in range(1, len(LEVELS) + 1):
        start = time.process_time()
        carried = carry_labels(atlas, magnitude[..., 0], mask, geometry, levels=LEVELS[:count])
        seconds = time.process_time() - start
        cases.append((", ".join(LEVELS[:count]), seconds, carried, rows(carried, atlas, truth, maps, mask)))
        print(page(cases[-1:]))
    if not args.dry_run:
        before, after = PAGE.read_text().split(START)[0], PAGE.read_text().split(END)[1]
        PAGE.write_text(f"{before}{START}\n\n{page(cases)}\n{END}{after}")


if __name__ == "__main__":
    main()
