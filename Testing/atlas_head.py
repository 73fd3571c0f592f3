"""A head whose regions are known, and its atlas: its own image, displaced and inverted, on other voxels.

The head is half as large as a head, so that it has an eighth of the voxels; what is tested does not depend on it.
"""

import numpy as np
import pytest
import SimpleITK

from QSMLogic.atlas import Atlas, carry_labels
from QSMLogic.io.itk_images import image_of, values_of
from QSMLogic.io.nifti import Geometry
from QSMLogic.metrics import dice
from QSMLogic.phantom import head_phantom

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


@pytest.fixture(scope="session")
def subject():
    """Return the head."""
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


@pytest.fixture(scope="session")
def atlas(subject):
    """Return an atlas made of the subject: turned, larger, moved, dark and bright exchanged, on other voxels."""
    return atlas_of(subject, displaced())


@pytest.fixture(scope="session")
def carried(atlas, subject):
    """Return what comes of carrying the labels to the subject by linear steps."""
    return carry_labels(atlas, subject.image, subject.mask, PLACE, levels=LINEAR)


def overlaps(labels, truth):
    return {label: dice(labels == label, truth == label) for label in NUCLEI}
