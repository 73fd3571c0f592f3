"""Panel, Python console and command line on a real head: one table, to the last digit."""

import json

import invivo_panel
import numpy as np
import pytest

from QSMLogic.cli import main
from QSMLogic.io.nifti import read_volume, write_image


@pytest.fixture
def folder(shared_data):
    """Return the folder of the real head."""
    return shared_data / "bids-invivo" / "sub-head" / "anat"


def by_command_line(folder, labels, names, out):
    """Compute and measure as in a shell, and return the table."""
    images = [
        word
        for kind, part in (("phase", "phase"), ("magnitude", "mag"))
        for word in (f"--{kind}", *sorted(map(str, folder.glob(f"*part-{part}*.nii.gz"))))
    ]
    assert main(["run", *images, "--keep", "erodedmask", "--out", str(out / "run")]) == 0
    geometry = read_volume(out / "run" / "chimap.nii.gz")[1]
    write_image(out / "labels.nii.gz", labels.astype(np.float32), geometry)
    (out / "names.json").write_text(json.dumps(names))
    words = ["roi", "--chi", str(out / "run" / "chimap.nii.gz"), "--mask", str(out / "run" / "erodedmask.nii.gz")]
    words += ["--labels", str(out / "labels.nii.gz"), "--names", str(out / "names.json")]
    assert main([*words, "--out", str(out / "regions.csv")]) == 0
    return (out / "regions.csv").read_text()


def test_panel_console_and_command_line_give_one_table(user, folder, tmp_path, slicer_scene):
    import slicer
    from QSMLib.labels import labelsOn

    chi = invivo_panel.compute(user, folder)
    regions = invivo_panel.draw(chi)
    table = invivo_panel.measure(user, chi, regions).writeCsv(tmp_path / "panel.csv").read_text()

    labels, names = labelsOn(regions, chi)
    assert by_command_line(folder, labels, names, tmp_path) == table

    echoes = user.parameters.echoes
    outputs = slicer.util.getModuleLogic("QSM").run(
        [echo.magnitude for echo in echoes], [echo.phase for echo in echoes], (0.0023, 0.0046), 3.0
    )
    console = slicer.util.getModuleLogic("QSM").measure(outputs.chi, regions)
    assert console.writeCsv(tmp_path / "console.csv").read_text() == table


def test_iron_and_blood_are_paramagnetic_on_the_real_head(user, folder):
    chi = invivo_panel.compute(user, folder)
    measured = invivo_panel.measure(user, chi, invivo_panel.draw(chi))
    mean = {row.name: row.mean for row in next(iter(measured.tables.values())).rows}
    assert mean["deep veins"] > mean["lentiform left"] > mean["white matter"]
    assert mean["lentiform right"] == pytest.approx(mean["lentiform left"], rel=0.25)
