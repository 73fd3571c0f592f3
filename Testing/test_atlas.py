"""Measurement by atlas, on a head whose regions are known: its own image, displaced and inverted, is the atlas.

The head is half as large as a head, so that it has an eighth of the voxels; what is tested does not depend on it.
"""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
import SimpleITK
from command_line import refused
from scipy import ndimage

from QSMLogic.atlas import Atlas, carry_labels, measure_by_atlas, read_atlas
from QSMLogic.cli import main
from QSMLogic.errors import Cancelled, InputError
from QSMLogic.io.itk_images import image_of, on_voxels, values_of
from QSMLogic.io.nifti import Geometry, read_labels, read_volume, write_image
from QSMLogic.metrics import dice
from QSMLogic.phantom import head_phantom
from QSMLogic.pictures import picture, similarity_of
from QSMLogic.registration import centred, register
from QSMLogic.registration_quality import Fit, doubts

TILT = np.deg2rad(10)
AXES = (1.0, 0.0, 0.0, 0.0, np.cos(TILT), -np.sin(TILT), 0.0, np.sin(TILT), np.cos(TILT))
PLACE = Geometry((44, 50, 40), (2.0, 2.0, 2.2), (-40.0, -50.0, -45.0), AXES)
TEMPLATE = Geometry((40, 76, 72), (2.4, 1.6, 1.6), (50.0, -60.0, -60.0), (-1.0, 0, 0, 0, 1, 0, 0, 0, 1))
"""Slices of another thickness, counted from the other side, with axes that are not tilted."""

NUCLEI = (1, 3, 7, 40)
"""Caudate, putamen, thalamus, and the right half of the putamen: the others have too few of these coarse voxels."""

RIGHT_PUTAMEN = 40
LINEAR = ("rigid", "affine")


class Head:
    """The image of a head at 20 ms, where the nuclei differ, its labels, and chi."""

    def __init__(self):
        made = head_phantom(PLACE.shape, (4.0, 4.0, 4.4), b0_direction=AXES[6:9], echo_times=(0.02,), lesions=False)
        self.image, self.mask, self.chi = made.scan.magnitude[..., 0], made.mask, made.chi
        first_half = np.arange(PLACE.shape[0])[:, None, None] < PLACE.shape[0] / 2
        labels = np.where((made.labels == 3) & first_half, RIGHT_PUTAMEN, made.labels)
        self.labels = np.where(np.isin(labels, NUCLEI), labels, 0).astype(np.int32)
        self.names = {label: made.label_names[label] for label in (1, 3, 7)} | {RIGHT_PUTAMEN: "right putamen"}


@pytest.fixture(scope="module")
def subject():
    return Head()


def drawn(head, geometry, move):
    """Return image, mask and labels of a head after a movement: from points of the new image to points of the head."""
    like = image_of(np.zeros(geometry.shape, bool), geometry)
    kinds = (head.image * head.mask, SimpleITK.sitkLinear), (head.mask, 1), (head.labels, SimpleITK.sitkNearestNeighbor)
    image, mask, labels = (
        values_of(SimpleITK.Resample(image_of(values, PLACE), like, move, how)) for values, how in kinds
    )
    return image, mask > 0, labels


def inverted(image, mask):
    """Return an image with dark and bright exchanged in another unit, as between T1 and T2* weighting."""
    return np.where(mask, 1000 - 600 * np.sqrt(np.maximum(image, 0)), 0).astype(np.float32)


def displaced(scale=(0.92, 0.92, 0.92)):
    move = SimpleITK.AffineTransform(3)
    move.SetCenter((4.0, -8.0, 6.0))
    turn = SimpleITK.Euler3DTransform()
    turn.SetRotation(0.10, -0.06, 0.08)
    move.SetMatrix((np.array(turn.GetMatrix()).reshape(3, 3) @ np.diag(scale)).ravel().tolist())
    move.SetTranslation((4.0, -3.0, 3.5))
    return move


def atlas_of(head, move):
    image, mask, labels = drawn(head, TEMPLATE, move)
    return Atlas(inverted(image, mask), mask, TEMPLATE, labels, TEMPLATE, head.names)


@pytest.fixture(scope="module")
def atlas(subject):
    """Return an atlas made of the subject: turned, larger, moved, dark and bright exchanged, on other voxels."""
    return atlas_of(subject, displaced())


@pytest.fixture(scope="module")
def carried(atlas, subject):
    return carry_labels(atlas, subject.image, subject.mask, PLACE, levels=LINEAR)


def overlaps(labels, truth):
    return {label: dice(labels == label, truth == label) for label in NUCLEI}


def test_the_labels_come_to_where_they_belong(carried, subject):
    found = overlaps(carried.labels, subject.labels)
    assert min(found.values()) > 0.9
    assert carried.labels.dtype == np.int32
    assert carried.warnings == ()
    assert carried.fit.overlap > 0.95
    assert carried.fit.left_out == ()
    assert carried.fit.similarity_after > 2 * carried.fit.similarity_turned
    assert carried.fit.similarity_after > carried.fit.similarity_before
    assert carried.fit.stretch == pytest.approx(1 / 0.92, abs=0.03)
    assert carried.fit.jacobian_min == pytest.approx(0.92**-3, abs=0.06)
    inner = ndimage.binary_erosion(subject.mask, iterations=3)
    shown = np.corrcoef(carried.template[inner], subject.image[inner])[0, 1]
    assert shown < -0.8  # dark and bright are exchanged


@pytest.mark.parametrize(("level", "scale"), [("rigid", (1.0, 1.0, 1.0)), ("affine", (0.92, 1.0, 0.96))])
def test_a_level_finds_what_it_is_there_for(subject, level, scale):
    """Right stays right: a half of the putamen has a label of its own."""
    given = atlas_of(subject, displaced(scale))
    levels = LINEAR[: LINEAR.index(level) + 1]
    found = carry_labels(given, subject.image, subject.mask, PLACE, levels=levels)
    assert min(overlaps(found.labels, subject.labels).values()) > 0.7
    assert not (found.labels == RIGHT_PUTAMEN)[PLACE.shape[0] // 2 + 1 :].any()
    assert found.warnings == ()


def test_the_free_part_finds_what_is_moved_in_part(subject):
    """Each half of the middle of the brain has moved its own way, by up to 5 mm, and the edge of the brain has not."""
    place = np.stack(np.meshgrid(*map(np.arange, PLACE.shape), indexing="ij"), -1) * PLACE.spacing
    field = np.zeros((*PLACE.shape, 3))
    for centre, shift in (((32, 50, 44), (5, 1.5, -2.5)), ((56, 50, 44), (-3, 4, 2.5))):
        field += np.exp(-((place - centre) ** 2).sum(-1, keepdims=True) / (2 * 9**2)) * shift
    image = SimpleITK.GetImageFromArray(np.ascontiguousarray(field.transpose(2, 1, 0, 3)), isVector=True)
    image.CopyInformation(image_of(subject.mask, PLACE))
    given = atlas_of(subject, SimpleITK.DisplacementFieldTransform(image))
    free = carry_labels(given, subject.image, subject.mask, PLACE, levels=["rigid", "bspline"])
    like, rigid = image_of(subject.mask, PLACE), free.transform.GetNthTransform(0)
    stiff = SimpleITK.Resample(image_of(given.labels, TEMPLATE), like, rigid, SimpleITK.sitkNearestNeighbor, 0.0)
    before, after = (overlaps(labels, subject.labels) for labels in (values_of(stiff), free.labels))
    assert all(after[label] >= before[label] for label in NUCLEI)
    assert np.mean(list(after.values())) > np.mean(list(before.values())) + 0.1
    assert free.fit.left_out == ()
    assert 0.2 < free.fit.jacobian_min < 0.8
    assert 1.2 < free.fit.jacobian_max < 3


def test_what_fits_already_stays():
    """At 5 ms the nuclei hardly show, and a coil shades more than tissues differ: a search may follow that away."""
    made = head_phantom(PLACE.shape, (4.0, 4.0, 4.4), echo_times=(0.005,), lesions=False)
    image, labels = made.scan.magnitude[..., 0], made.labels.astype(np.int32)
    template = (image * made.mask).astype(np.float32)
    found = carry_labels(Atlas(template, made.mask, PLACE, labels, PLACE), image, made.mask, PLACE, levels=LINEAR)
    assert found.fit.similarity_after >= found.fit.similarity_before
    assert all(dice(found.labels == label, labels == label) > 0.95 for label in (1, 3, 5, 7))


def test_a_search_that_fits_worse_is_left_out(subject):
    """Where an image fits itself, all that a free search can do is follow noise."""
    fixed = picture(image_of(subject.image, PLACE), image_of(subject.mask, PLACE))
    found = register(fixed, fixed, levels=("rigid", "bspline"))
    assert found.left_out == ("rigid", "bspline")
    assert found.transform.GetNumberOfTransforms() == 1
    assert similarity_of(fixed, fixed)(found.transform) >= similarity_of(fixed, fixed)(centred(fixed, fixed))


def test_threads_do_not_change_a_bit(atlas, subject):
    def found(threads):
        before = SimpleITK.ProcessObject.GetGlobalDefaultNumberOfThreads()
        SimpleITK.ProcessObject.SetGlobalDefaultNumberOfThreads(threads)
        try:
            made = carry_labels(atlas, subject.image, subject.mask, PLACE, levels=("rigid",))
            assert SimpleITK.ProcessObject.GetGlobalDefaultNumberOfThreads() == threads
        finally:
            SimpleITK.ProcessObject.SetGlobalDefaultNumberOfThreads(before)
        return made.transform.GetNthTransform(0).GetParameters(), made.fit

    assert found(1) == found(3)


def test_other_voxels_of_the_same_space_get_the_labels_too(atlas, carried, subject):
    """A map on finer voxels than the image: half as thick."""
    fine = Geometry((44, 50, 80), (2.0, 2.0, 1.1), PLACE.origin, AXES)
    found = carry_labels(atlas, subject.image, subject.mask, PLACE, onto=fine, levels=LINEAR)
    assert found.fit == carried.fit  # to the last bit
    assert found.labels.shape == fine.shape
    both = (dice(found.labels == 1, on_voxels(labels, PLACE, fine) == 1) for labels in (carried.labels, subject.labels))
    assert min(both) > 0.75


def bad_images(head):
    noise = np.random.default_rng(3).normal(10, 1, PLACE.shape)
    return {
        "upside down": (head.image[:, :, ::-1], head.mask[:, :, ::-1]),
        "noise": (noise, head.mask),
        "another organ": (ndimage.gaussian_filter(noise, 3), head.mask),
    }


@pytest.mark.parametrize("kind", ["upside down", "noise", "another organ"])
def test_an_image_that_is_not_what_it_should_be_is_told(atlas, subject, kind):
    found = carry_labels(atlas, *bad_images(subject)[kind], PLACE, levels=("rigid",))
    assert any("not to be trusted" in said for said in found.warnings)


def test_each_doubt_has_its_sentence():
    good = {
        "overlap": 0.93, "similarity_before": 0.03, "similarity_after": 0.08, "similarity_turned": 0.01,
        "stretch": 1.05, "jacobian_min": 0.6, "jacobian_max": 1.3,
    }  # fmt: skip
    assert doubts(Fit(**good)) == []
    assert doubts(Fit(**good, left_out=("bspline",))) == []  # nothing better is to be found where all fits
    for bad, said in (
        ({"overlap": 0.6}, "overlap by 0.60"),
        ({"similarity_turned": 0.07}, "not to be trusted"),
        ({"stretch": 1.6}, "stretched or squeezed by 1.60"),
        ({"jacobian_min": -0.1}, "folded"),
    ):
        (sentence,) = doubts(Fit(**good | bad))
        assert said in sentence


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


def test_cancelling_ends_it_at_once(atlas, subject):
    heard = []

    def stop(fraction, message):
        heard.append(fraction)
        if fraction > 0.3:
            raise Cancelled

    with pytest.raises(Cancelled):
        carry_labels(atlas, subject.image, subject.mask, PLACE, progress=stop)
    assert heard == sorted(heard)
    assert sum(fraction > 0.3 for fraction in heard) == 1


def test_what_cannot_be_registered_is_refused(atlas, subject):
    with pytest.raises(InputError, match="mask holds no voxel"):
        carry_labels(atlas, subject.image, np.zeros(PLACE.shape, bool), PLACE)
    with pytest.raises(InputError, match="the same everywhere"):
        carry_labels(atlas, np.ones(PLACE.shape), subject.mask, PLACE)
    with pytest.raises(InputError, match="must have the shape"):
        carry_labels(atlas, subject.image[1:], subject.mask, PLACE)
    fixed = picture(image_of(subject.image, PLACE), image_of(subject.mask, PLACE))
    with pytest.raises(InputError, match="in this order"):
        register(fixed, fixed, levels=("affine", "rigid"))


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
