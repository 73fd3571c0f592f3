"""Measurement by atlas, in one call and by command, on a head whose regions are known."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
import SimpleITK
from atlas_head import LINEAR, NUCLEI, PLACE, TEMPLATE, overlaps
from command_line import refused

from QSMLogic.atlas import measure_by_atlas, read_atlas
from QSMLogic.cli import main
from QSMLogic.errors import InputError
from QSMLogic.io.itk_images import image_of
from QSMLogic.io.nifti import read_labels, read_volume, write_image


def test_measuring_is_one_call_and_tells_what_was_lost(atlas, subject):
    marked = atlas.labels.copy()
    marked[0, 0, 0] = 41  # far from the brain
    other = replace(atlas, labels=marked, names={**atlas.names, 41: "area postrema"})
    chi = (subject.chi * subject.mask).astype(np.float32)
    rows, found = measure_by_atlas(other, chi, subject.mask, PLACE, image=subject.image, levels=LINEAR)
    assert [row.name for row in rows] == ["whole mask", *(other.names[label] for label in (*NUCLEI, 41))]
    for row in rows[1:-1]:
        assert row.mean == pytest.approx(chi[(found.labels == row.label) & (chi != 0)].mean(), rel=1e-4)
        assert row.mean == pytest.approx(chi[subject.labels == row.label].mean(), abs=0.012)
    (said,) = found.warnings
    assert said == "No voxel of the subject has the label of area postrema."


@pytest.fixture(scope="module")
def files(atlas, subject, tmp_path_factory):
    folder = tmp_path_factory.mktemp("atlas")
    write_image(folder / "template.nii.gz", atlas.template, TEMPLATE)
    write_image(folder / "labels.nii.gz", atlas.labels, TEMPLATE)
    (folder / "names.tsv").write_text("index\tname\n" + "".join(f"{n}\t{name}\n" for n, name in atlas.names.items()))
    write_image(folder / "magnitude.nii.gz", np.stack([subject.image, subject.image * 0.5], -1), PLACE)
    write_image(folder / "mask.nii.gz", subject.mask, PLACE)
    write_image(folder / "chi.nii.gz", subject.chi * subject.mask, PLACE)
    return folder


def words(files, out, *left_out, **more):
    given = {"template": "template", "labels": "labels", "magnitude": "magnitude", "mask": "mask", "chi": "chi"} | more
    named = [(name, file) for name, file in given.items() if name not in left_out]
    flags = [word for name, file in named for word in (f"--{name}", str(files / f"{file}.nii.gz"))]
    return ["atlas", *flags, "--names", str(files / "names.tsv"), "--levels", *LINEAR, "--out", str(out)]


def test_the_command_measures_as_qsm_roi_does(files, carried, subject, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(words(files, out)) == 0
    assert "4 regions in atlaslabels.nii.gz" in capsys.readouterr().out
    assert {path.name for path in out.iterdir()} == {
        "atlaslabels.nii.gz", "atlaslabels.json", "atlastemplate.nii.gz", "atlastransform.tfm", "regions.csv",
        "provenance.json",
    }  # fmt: skip
    labels, geometry = read_labels(out / "atlaslabels.nii.gz")
    # The files' axes have fewer digits, which moves where a search ends a little; the smallest label has few voxels.
    assert min(overlaps(labels, carried.labels).values()) > 0.93
    assert not geometry.difference(PLACE)
    template, _ = read_volume(out / "atlastemplate.nii.gz")
    assert np.corrcoef(template.ravel(), carried.template.ravel())[0, 1] > 0.99
    record = json.loads((out / "provenance.json").read_text())
    assert record["registration"]["overlap"] > 0.95
    assert record["registration"]["left_out"] == []
    assert record["warnings"] == []
    table = tmp_path / "again.csv"
    again = ["roi", "--chi", str(files / "chi.nii.gz"), "--labels", str(out / "atlaslabels.nii.gz")]
    assert main([*again, "--names", str(out / "atlaslabels.json"), "--out", str(table)]) == 0
    assert table.read_text() == (out / "regions.csv").read_text()
    point = image_of(carried.labels, PLACE).TransformIndexToPhysicalPoint((20, 24, 18))
    moved = SimpleITK.ReadTransform(str(out / "atlastransform.tfm")).TransformPoint(point)
    assert moved == pytest.approx(carried.transform.TransformPoint(point), abs=0.2)
    capsys.readouterr()
    refused(capsys, words(files, out), "--force")
    assert json.loads((out / "provenance.json").read_text()) == record


def test_a_map_alone_will_do_and_a_label_can_be_the_reference(files, subject, tmp_path):
    """The template is that of the magnitude, so that the fit is poor: what is tested is what becomes zero."""
    out = tmp_path / "out"
    named = subject.names[7]
    given = [word for word in words(files, out, "magnitude", "mask") if word != "affine"]
    assert main([*given, "--reference", named]) == 0
    with (out / "regions.csv").open() as file:
        table = {row["name"]: row for row in csv.DictReader(file)}
    assert float(table[named]["mean"]) == pytest.approx(0, abs=1e-6)
    assert table["whole mask"]["reference"] == named


def test_the_command_refuses_in_one_line(files, tmp_path, capsys):
    full = np.ones(TEMPLATE.shape, np.float32)
    write_image(tmp_path / "full.nii.gz", full, TEMPLATE)
    write_image(tmp_path / "away.nii.gz", full, replace(TEMPLATE, origin=(5e3, 0, 0)))
    write_image(tmp_path / "empty.nii.gz", 0 * full, TEMPLATE)
    write_image(tmp_path / "other.nii.gz", full[1:], replace(TEMPLATE, shape=(39, 76, 72)))
    out = tmp_path / "out"

    def changed(flag, file):
        said = words(files, out)
        said[said.index(flag) + 1] = str(tmp_path / file)
        return said

    refused(capsys, changed("--template", "full.nii.gz"), "--template-mask")
    refused(capsys, changed("--labels", "away.nii.gz"), "do they belong together?")
    refused(capsys, changed("--labels", "empty.nii.gz"), "holds no label")
    refused(capsys, changed("--labels", "missing.nii.gz"), "missing.nii.gz")
    refused(capsys, [*words(files, out), "--template-mask", str(tmp_path / "other.nii.gz")], "the same voxels")
    refused(capsys, words(files, out, "chi", "mask"), "give the subject's map", status=2)
    refused(capsys, [*words(files, out), "--levels", "bspline", "rigid"], "in this order")
    assert not out.exists()


def test_a_template_of_a_whole_head_needs_its_mask(files, atlas, tmp_path):
    whole = atlas.template + 1
    write_image(tmp_path / "whole.nii.gz", whole, TEMPLATE)
    write_image(tmp_path / "brain.nii.gz", atlas.mask, TEMPLATE)
    with pytest.raises(InputError, match="--template-mask"):
        read_atlas(tmp_path / "whole.nii.gz", files / "labels.nii.gz")
    read = read_atlas(tmp_path / "whole.nii.gz", files / "labels.nii.gz", mask=tmp_path / "brain.nii.gz")
    assert np.array_equal(read.mask, atlas.mask)
    assert read.names == {}
