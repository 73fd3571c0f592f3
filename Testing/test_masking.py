from pathlib import Path

import numpy as np
import pytest
import scipy.ndimage
import SimpleITK

from QSMLogic.errors import InputError
from QSMLogic.grid import Grid
from QSMLogic.intensity import coarser, combined_magnitude, shading
from QSMLogic.methods import METHODS
from QSMLogic.surface import Mesh, sphere, voxelise

DATA = Path(__file__).parents[2] / "shared" / "data"
METHOD = {name: record.function for name, record in METHODS["masking"].items()}


def grid_of(shape, size=(3.0, 3.0, 3.0)):
    return Grid(shape[:3], size, b0_direction=(0, 0.1, 1))


def dice(a, b):
    return 2 * np.count_nonzero(a & b) / (np.count_nonzero(a) + np.count_nonzero(b))


def ball(place, middle, radii):
    return sum(((p - m) / r) ** 2 for p, m, r in zip(place, middle, radii, strict=True)) < 1


def head(size=(3.0, 3.0, 3.0), extent=(180.0, 210.0, 180.0)):
    """Brain with ventricles in a dark skull, scalp as bright as brain, an eye joined by its nerve; and the brain."""
    shape = tuple(int(e / s) for e, s in zip(extent, size, strict=True))
    place = np.meshgrid(*(s * (np.arange(n) - (n - 1) / 2) for n, s in zip(shape, size, strict=True)), indexing="ij")
    brain = ball(place, (0, -5, 5), (64, 80, 60))
    image = np.where(ball(place, (0, -5, 5), (82, 98, 78)), 900.0, 10.0)
    image[ball(place, (0, -5, 5), (72, 88, 68))] = 60
    image[brain] = 1000
    image[ball(place, (0, -5, 10), (8, 24, 8))] = 500
    nerve = (np.hypot(place[0] - 25, place[2] + 25) < 4) & (place[1] > 40) & (place[1] < 85)
    image[nerve | ball(place, (25, 85, -25), (12, 12, 12))] = 950
    rng = np.random.default_rng(4)
    noise = 25 * (rng.standard_normal((*shape, 2)) + 1j * rng.standard_normal((*shape, 2)))
    echoes = image[..., None] * np.array([1.0, 0.8])
    return np.abs(echoes + noise).astype(np.float32), brain, place


def test_surface_is_a_sphere():
    mesh = sphere(3)
    assert mesh.vertices.shape == (642, 3)
    assert mesh.faces.shape == (1280, 3)
    np.testing.assert_allclose(mesh.normals, mesh.vertices, atol=0.01)
    np.testing.assert_allclose(mesh.neighbours @ np.ones(642), 1)
    assert mesh.folds() == 0
    volume = np.einsum("ij,ij->", mesh.vertices[mesh.faces].mean(axis=1), mesh.face_normals) / 6
    assert volume == pytest.approx(4 / 3 * np.pi, rel=0.02)


@pytest.mark.parametrize("middle", [(20.2, 22.1, 19.7), (3.0, 22.0, 40.0)])
def test_voxels_inside_a_mesh(middle):
    shape, radii = (41, 43, 37), np.array((14.3, 9.6, 17.1))
    mesh = sphere(4)
    inside = voxelise(mesh.moved(mesh.vertices * radii + middle), shape)
    place = np.indices(shape)
    assert not (inside & ~ball(place, middle, radii + 0.3)).any()
    assert not (ball(place, middle, radii - 0.3) & ~inside).any()


def test_voxels_inside_coarse_faces_and_crossing_meshes():
    mesh = sphere(0)
    inside = voxelise(Mesh(mesh.vertices / np.abs(mesh.vertices).max() * 30 + 40, mesh.faces), (81, 81, 81))
    edge = 2 * 30 / ((1 + np.sqrt(5)) / 2)
    assert inside.sum() == pytest.approx(5 * (3 + np.sqrt(5)) / 12 * edge**3, rel=0.02)
    folded = sphere(2)
    vertices = folded.vertices.copy()
    far = np.argsort(np.linalg.norm(vertices - vertices[0], axis=1))[40]
    vertices[0] = vertices[far]
    assert folded.moved(vertices).folds() > 0


def test_combined_magnitude_is_the_geometric_mean():
    magnitude = np.array([[1, 4], [9, 4], [0, 8]], np.float32).reshape(3, 1, 1, 2)
    combined = combined_magnitude(magnitude)
    np.testing.assert_allclose(combined[:2, 0, 0], [2, 6], rtol=1e-5)
    assert 0 < combined[2, 0, 0] < 0.2


def test_coarser_keeps_place_and_leaves_coarse_axes():
    ramp = np.broadcast_to(np.arange(40.0)[:, None, None], (40, 9, 8))
    small, size = coarser(ramp, (1.0, 3.0, 2.0), 2.0)
    assert small.shape == (20, 9, 8)
    np.testing.assert_allclose(size, (2, 3, 2))
    np.testing.assert_allclose(small[2:-2, 4, 4], 0.5 + 2 * np.arange(2, 18), atol=1e-4)


def test_shading_is_found_beside_outliers():
    magnitude, brain, place = head((5.0, 5.0, 5.0))
    truth = np.exp(0.006 * place[0] - (place[1] ** 2 + place[2] ** 2) / 2e4)
    image = magnitude[..., 0] * truth
    ratio = (shading(image, np.array((5.0, 5, 5)), image > 250 * truth) / truth)[brain]
    assert ratio.std() / ratio.mean() < 0.03
    assert truth[brain].std() / truth[brain].mean() > 0.15


@pytest.mark.parametrize("size", [(3.0, 3.0, 3.0), (2.0, 2.5, 5.0)])
def test_bet_keeps_the_brain_alone(size):
    magnitude, brain, place = head(size)
    mask = METHOD["bet"](magnitude, grid_of(brain.shape, size), inset=0.0)
    assert dice(mask, brain) > 0.96
    assert not (mask & ball(place, (25, 85, -25), (12, 12, 12))).any()
    assert not (mask & ~ball(place, (0, -5, 5), (72, 88, 68))).any()
    assert mask[ball(place, (0, -5, 10), (8, 24, 8))].all()


def test_bet_bears_shading():
    magnitude, brain, place = head()
    shaded = magnitude * np.exp(sum(p**2 for p in place) / 6000 - place[0] / 200)[..., None].astype(np.float32)
    assert dice(METHOD["bet"](shaded, grid_of(brain.shape), inset=0.0), brain) > 0.95


@pytest.mark.parametrize("cut", [np.s_[:, :, 25:], np.s_[:30], np.s_[:, :, 20:38]])
def test_bet_bears_a_field_of_view_that_cuts_the_brain(cut):
    magnitude, brain, _ = head()
    mask = METHOD["bet"](np.ascontiguousarray(magnitude[cut]), grid_of(brain[cut].shape), inset=0.0)
    assert dice(mask, brain[cut]) > 0.95


def test_bet_on_a_brain_without_skull_and_its_inset():
    magnitude, brain, _ = head()
    magnitude[~brain] = 0
    whole = METHOD["bet"](magnitude, grid_of(brain.shape), inset=0.0)
    assert dice(whole, brain) > 0.96
    inner = METHOD["bet"](magnitude, grid_of(brain.shape), inset=6.0)
    assert not (inner & ~whole).any()
    depth = scipy.ndimage.distance_transform_edt(whole, sampling=3.0)
    assert dice(inner, depth > 6) > 0.95


def test_bet_of_a_patch_is_the_patch_and_of_nothing_is_refused():
    rng = np.random.default_rng(1)
    patch = rng.normal(1000, 100, (20, 20, 20, 1)).astype(np.float32)
    assert METHOD["bet"](patch, grid_of(patch.shape)).all()
    patch[3, 4, 5] = 0
    assert METHOD["bet"](patch, grid_of(patch.shape)).sum() == 20**3 - 1
    with pytest.raises(InputError, match="threshold"):
        METHOD["bet"](np.zeros_like(patch), grid_of(patch.shape))
    patch[:9] = patch[10:] = 0
    with pytest.raises(InputError, match="solid tissue"):
        METHOD["bet"](patch, grid_of(patch.shape))


def test_threshold_by_otsu_and_by_fraction():
    shape = (20, 22, 18)
    place = np.indices(shape)
    body = ball(place, (10, 11, 9), (7, 8, 6))
    magnitude = np.where(body, 100.0, 5.0)[..., None].astype(np.float32)
    magnitude[10, 11, 9] = 0
    magnitude[1, 1, 1] = 100
    np.testing.assert_array_equal(METHOD["threshold"](magnitude, grid_of(shape)), body)
    raw = METHOD["threshold"](magnitude, grid_of(shape), fraction=0.5, largest_only=False, fill=False)
    np.testing.assert_array_equal(raw, magnitude[..., 0] > 50)
    assert METHOD["threshold"](magnitude, grid_of(shape), fraction=0.01).all()
    with pytest.raises(InputError, match="opening"):
        METHOD["threshold"](magnitude, grid_of(shape), opening=20.0)
    with pytest.raises(InputError, match="same everywhere"):
        METHOD["threshold"](np.ones_like(magnitude), grid_of(shape))


@pytest.mark.parametrize("echoes", [1, 2])
@pytest.mark.parametrize("with_magnitude", [True, False])
def test_phase_quality_tells_signal_from_noise(echoes, with_magnitude):
    shape, times = (30, 28, 26), (0.005, 0.01)[:echoes]
    place, rng = np.indices(shape), np.random.default_rng(3)
    body = ball(place, (15, 14, 13), (11, 10, 9))
    field = 30 * place[0] + 20 * place[1]
    phase = np.stack([np.where(body, t * field, rng.uniform(-np.pi, np.pi, shape)) for t in times], axis=3)
    phase = np.angle(np.exp(1j * phase)).astype(np.float32)
    phase[:, :, :3] = 0
    phase[15, 14, 13] += 2
    magnitude = np.repeat(np.where(body, 100.0, 10.0)[..., None], echoes, 3).astype(np.float32)
    mask = METHOD["phase_quality"](phase, grid_of(shape), times, magnitude if with_magnitude else None)
    assert dice(mask, body) > 0.9
    assert mask[15, 14, 13]
    assert not mask[:, :, :3].any()
    with pytest.raises(InputError, match="Phase quality"):
        METHOD["phase_quality"](phase, grid_of(shape), times, least=1.0)


def test_given_mask_and_refiners():
    given = np.zeros((12, 12, 12))
    given[3:9, 3:9, 3:9] = 2
    given[5, 5, 5], given[0, 0, 0], given[11, 11, 11] = 0, np.nan, 1
    mask = METHOD["given"](given)
    assert mask.dtype == bool
    assert mask.sum() == 6**3
    grid = grid_of(mask.shape)
    whole = METHOD["fill_holes"](METHOD["keep_largest"](mask), grid)
    assert whole.sum() == 6**3
    assert METHOD["erode"](whole, grid, radius=3.0).sum() == 4**3
    assert METHOD["dilate"](whole, grid, radius=3.0).sum() == 6**3 + 6 * 6**2
    assert not METHOD["fill_holes"](mask, grid, largest=26.0)[5, 5, 5]
    assert METHOD["fill_holes"](mask, grid, largest=27.0)[5, 5, 5]
    with pytest.raises(InputError, match="Erosion"):
        METHOD["erode"](whole, grid, radius=30.0)
    with pytest.raises(InputError, match="Given mask"):
        METHOD["given"](np.zeros((3, 3, 3)))


def read(path):
    if not path.exists():
        pytest.skip(f"{path} is absent")
    image = SimpleITK.ReadImage(str(path))
    return SimpleITK.GetArrayFromImage(image).T, image.GetSpacing()[:3]


def test_bet_on_the_realistic_head():
    magnitude, size = read(DATA / "phantom-dev/inputs/magnitude.nii.gz")
    truth = read(DATA / "phantom-dev/inputs/mask.nii.gz")[0] > 0
    tissue = read(DATA / "phantom-dev/groundtruth/dseg.nii.gz")[0]
    mask = METHOD["bet"](magnitude, grid_of(truth.shape, size))
    assert dice(mask, truth) > 0.95
    air, bone = 14, 13
    assert np.isin(tissue[mask], (air, bone)).mean() < 0.01


def test_bet_on_a_real_head():
    folder = DATA / "bids-invivo/sub-head/anat"
    echoes = [read(folder / f"sub-head_echo-{e}_part-mag_MEGRE.nii.gz") for e in (1, 2)]
    magnitude = np.stack([echo for echo, _ in echoes], axis=3)
    mask = METHOD["bet"](magnitude, grid_of(magnitude.shape, echoes[0][1]))
    assert mask.sum() * 0.027 == pytest.approx(1440, rel=0.05)
    assert mask[40, 36, 30]
    skull, scalp = magnitude[..., 0] < 1.2e6, magnitude[..., 0] > 6e6
    assert (skull | scalp)[mask].mean() < 0.01
