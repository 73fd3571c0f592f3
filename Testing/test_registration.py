"""An atlas registered to a head whose regions are known: where its labels come to, and when not to trust them."""

import numpy as np
import pytest
import SimpleITK
from atlas_head import AXES, LINEAR, NUCLEI, PLACE, RIGHT_PUTAMEN, TEMPLATE, atlas_of, displaced, overlaps
from cancelling import ends_when_cancelled
from scipy import ndimage

from QSMLogic.atlas import Atlas, carry_labels
from QSMLogic.errors import InputError
from QSMLogic.io.itk_images import image_of, on_voxels, values_of
from QSMLogic.io.nifti import Geometry
from QSMLogic.metrics import dice
from QSMLogic.phantom import head_phantom
from QSMLogic.registration import centred, register
from QSMLogic.registration_images import picture, similarity_of
from QSMLogic.registration_quality import Fit, doubts


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


def test_cancelling_ends_it_at_once(atlas, subject):
    ends_when_cancelled(lambda progress: carry_labels(atlas, subject.image, subject.mask, PLACE, progress=progress))


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
