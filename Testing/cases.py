"""One set of data for every method, bound by name, and what came of running a method on it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from analytic import positions, sphere_field
from scipy.ndimage import gaussian_filter

from QSMLogic import metrics
from QSMLogic.constants import GAMMA_BAR
from QSMLogic.grid import Grid
from QSMLogic.methods import METHODS, STAGES
from QSMLogic.morphology import erode
from QSMLogic.phantom import Phantom, head_phantom
from QSMLogic.pipeline import run_stage
from QSMLogic.progress import Progress, no_progress
from QSMLogic.weights import data_weights

ALL = [(stage, name) for stage, methods in METHODS.items() for name in sorted(methods)]
"""Every registered method."""

SNR = 100.0
ECHO_TIMES = (0.005, 0.011, 0.017, 0.023)
B0_DIRECTION = (0.17, -0.12, 0.98)
PHASE_ECHO_TIME = METHODS["maps"]["local_phase"].settings()["echo_time"]


@dataclass(frozen=True)
class Outcome:
    """Outputs of one call by name, the fractions of progress it told, and the inputs it changed."""

    outputs: dict[str, Any]
    fractions: tuple[float, ...]
    changed: tuple[str, ...]

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        return {name: value for name, value in self.outputs.items() if isinstance(value, np.ndarray)}


def data_of(phantom: Phantom, snr: float = SNR) -> dict[str, Any]:
    """Return everything a method can be given: the truth, with the noise that a scan of this SNR has.

    `phase` is that of the scan; `conditioned` that without its offset, which stages after conditioning get as phase.
    """
    scan, mask = phantom.scan, phantom.mask
    random = np.random.default_rng(1)
    sigma = float(scan.magnitude[..., 0][mask].mean()) / snr
    times, hertz = np.array(scan.echo_times), GAMMA_BAR * scan.field_strength
    deviation = sigma / np.maximum(scan.magnitude, sigma)
    unwrapped = 2 * np.pi * hertz * times * phantom.total_field[..., None]
    unwrapped += deviation * random.standard_normal(unwrapped.shape)
    slope = np.sqrt(np.square(times / deviation).sum(axis=3))
    noise = np.where(mask, 1 / (2 * np.pi * hertz * slope), 0).astype(np.float32)
    error = noise * random.standard_normal(mask.shape).astype(np.float32)
    r2star = phantom.r2star + decay_noise(times, deviation) * random.standard_normal(mask.shape)
    r2 = np.where(mask, phantom.r2, 0).astype(np.float32)
    return scanned(phantom) | {
        "conditioned": np.angle(np.exp(1j * unwrapped)).astype(np.float32),
        "unwrapped": unwrapped.astype(np.float32),
        "total_field": phantom.total_field + error,
        "field_noise": noise,
        "weights": data_weights(noise, mask),
        "local_field": phantom.local_field + error,
        "chi": np.where(mask, phantom.chi, 0).astype(np.float32),
        "eroded_mask": mask,
        "r2": r2,
        "r2star": np.where(mask, np.maximum(r2star, 0), 0).astype(np.float32),
        "r2prime": np.where(mask, np.maximum(r2star - r2, 0), 0).astype(np.float32),
    }


def scanned(phantom: Any) -> dict[str, Any]:
    """Return what is known before the first stage: the scan, the mask and the labels."""
    scan = phantom.scan
    return {
        "phase": scan.phase,
        "magnitude": scan.magnitude,
        "echo_times": scan.echo_times,
        "field_strength": scan.field_strength,
        "grid": scan.grid,
        "valid": scan.valid,
        "given_mask": phantom.mask,
        "mask": phantom.mask,
        "labels": phantom.labels,
    }


def decay_noise(times: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    """Return the standard deviation of R2* (1/s) fitted to echoes of this relative noise, zero with one echo."""
    weights = deviation**-2
    mean = (weights * times).sum(axis=3) / weights.sum(axis=3)
    spread = (weights * (times - mean[..., None]) ** 2).sum(axis=3)
    return np.divide(1, np.sqrt(spread), out=np.zeros_like(spread), where=spread > 0)


def run(stage: str, name: str, data: dict[str, Any], progress: Progress = no_progress) -> Outcome:
    """Run a method with its default settings on read-only copies of the data."""
    before = at(stage, data)
    given = {key: value.copy() if isinstance(value, np.ndarray) else value for key, value in before.items()}
    images = [key for key, value in given.items() if isinstance(value, np.ndarray)]
    for key in images:
        given[key].flags.writeable = False
    fractions: list[float] = []

    def listen(fraction: float, message: str = "") -> None:
        fractions.append(fraction)
        progress(fraction, message)

    outputs = run_stage(stage, name, {}, given, listen)
    return Outcome(outputs, tuple(fractions), tuple(k for k in images if not np.array_equal(given[k], before[k])))


def at(stage: str, data: dict[str, Any]) -> dict[str, Any]:
    """Return the data as the pipeline hands them to a stage: after conditioning, phase has no offset."""
    order = list(STAGES)
    data = dict(data)
    conditioned = data.pop("conditioned")
    return data | {"phase": conditioned} if order.index(stage) > order.index("conditioning") else data


@cache
def small() -> dict[str, Any]:
    """Return a coarse head: sides that are prime, voxels of three sizes, oblique to the field."""
    return data_of(head_phantom((37, 41, 31), (4.9, 5.2, 6.3), b0_direction=B0_DIRECTION, echo_times=ECHO_TIMES))


@cache
def on_small(stage: str, name: str) -> Outcome:
    """Return what a method makes of `small`, run once."""
    return run(stage, name, small())


def hertz_per_ppm(phantom: Phantom) -> float:
    return GAMMA_BAR * phantom.scan.field_strength


def true_phase(phantom: Phantom) -> np.ndarray:
    """Return the phase (x, y, z, echo) rad that the total field makes, without offset, noise and wraps."""
    return 2 * np.pi * hertz_per_ppm(phantom) * np.array(phantom.scan.echo_times) * phantom.total_field[..., None]


def true_fine_phase(phantom: Phantom) -> np.ndarray:
    """Return the true phase (x, y, z, echo) without what a Gaussian of 4 mm, applied twice in the mask, takes out."""
    mask, widths = phantom.mask.astype(float), [4 / size for size in phantom.scan.grid.voxel_size]
    fine = true_phase(phantom) * mask[..., None]
    cover = gaussian_filter(mask, widths, mode="constant")
    for _ in range(2):
        for echo in range(fine.shape[3]):
            smooth = gaussian_filter(fine[..., echo], widths, mode="constant")
            fine[..., echo] -= np.divide(smooth, cover, out=np.zeros_like(cover), where=phantom.mask)
            fine[..., echo] *= mask
    return fine


def root_mean_square(phantom: Phantom) -> np.ndarray:
    return np.sqrt(np.square(phantom.scan.magnitude).mean(axis=3))


def quality_by_hand(phase: np.ndarray, magnitude: np.ndarray, times: tuple[float, ...]) -> np.ndarray:
    """Return ROMEO's quality of voxels by its formula, edge by edge (no edge across the image's border)."""
    first, second = (phase[..., echo].astype(float) for echo in (0, 1))
    strength = magnitude[..., 0].astype(float)
    half = np.quantile(strength[strength > 0], 0.95) / 2
    total, edges = np.zeros((2, *strength.shape))
    for axis in range(3):
        for shift in (1, -1):
            step, other = (np.angle(np.exp(1j * (np.roll(image, shift, axis) - image))) for image in (first, second))
            near = np.roll(strength, shift, axis)
            weak, strong = np.minimum(near, strength), np.maximum(near, strength)
            weight = (1 - np.abs(step) / np.pi) * np.maximum(0, 1 - np.abs(step - other * times[0] / times[1]))
            weight *= (weak / np.maximum(strong, 1e-30)) ** 2
            weight *= (0.5 + 0.5 * np.minimum(1, weak / half)) * (
                0.5 + 0.5 * np.minimum(1, half / np.maximum(strong, half))
            )
            there = np.moveaxis(np.ones(strength.shape), axis, 0)
            there[0 if shift == 1 else -1] = 0
            there = np.moveaxis(there, 0, axis)
            total += weight * there
            edges += there
    return total / edges


MAP_TRUTHS: dict[str, Callable[[Phantom], np.ndarray]] = {
    "r2star": lambda p: p.r2star,
    "r2prime": lambda p: np.where(p.r2 > 0, p.r2prime, 0),
    "chi_para": lambda p: p.chi_para,
    "chi_dia": lambda p: p.chi_dia,
    "total_field_hz": lambda p: hertz_per_ppm(p) * p.total_field,
    "local_field_hz": lambda p: hertz_per_ppm(p) * p.local_field,
    "local_phase": lambda p: hertz_per_ppm(p) * 2 * np.pi * PHASE_ECHO_TIME * p.local_field,
    "simulated_field": lambda p: p.local_field,
    "field_misfit": lambda p: data_of(p)["local_field"] - p.local_field,
    "swi_phase": lambda p: true_fine_phase(p).mean(axis=3),
    "swi/swi": lambda p: (p.scan.magnitude * np.clip(1 - true_fine_phase(p) / np.pi, 0, 1) ** 4).mean(axis=3) * p.mask,
    "tswi": lambda p: root_mean_square(p) * np.clip(1 - p.chi / 0.45, 0, 1) ** 2 * p.mask,
    "smwi": lambda p: root_mean_square(p) * np.clip(1 - p.chi, 0, 1) ** 4 * p.mask,
    "voxel_quality": lambda p: p.mask * quality_by_hand(true_phase(p), p.scan.magnitude, p.scan.echo_times),
}
"""What the maps beside chi should be, by their names, or by method and name where methods differ."""


def map_truths(name: str, outputs: Iterable[str], phantom: Phantom) -> dict[str, np.ndarray]:
    """Return what a method of the stage of further maps should make, by output, where that is known."""
    keys = {output: next((k for k in (f"{name}/{output}", output) if k in MAP_TRUTHS), None) for output in outputs}
    return {output: MAP_TRUTHS[key](phantom) for output, key in keys.items() if key}


WEIGHTED = ("swi", "tswi", "smwi")
"""Maps that are a magnitude in which veins are darker."""

BLOOD, WHITE_MATTER = 11, 8

INSIDE = {"r2star": 6.0, "swi_phase": 12.0}
"""mm from the brain's edge, beyond which a map is compared once more: nearer, a steep field can leave no signal to fit
a decay to, and no phase that can be unwrapped."""


def veins_left(image: np.ndarray, phantom: Phantom) -> float:
    """Return how bright veins are beside white matter, percent of what they are in the magnitude."""
    mean = root_mean_square(phantom)
    blood, tissue = (phantom.mask & (phantom.labels == label) for label in (BLOOD, WHITE_MATTER))
    weighted, plain = (float(of[blood].mean() / of[tissue].mean()) for of in (image, mean))
    return 100 * weighted / plain


def level(made: np.ndarray, truth: np.ndarray, mask: np.ndarray) -> float:
    """Return how far the mean is off, percent of the truth's variation; `nrmse` leaves that out."""
    return 100 * abs(float((made - truth)[mask].mean())) / float(truth[mask].std())


def errors(stage: str, method: str, outcome: Outcome, phantom: Phantom) -> dict[str, float]:
    """Return how far a stage's first output is from the truth, by measures of which less is better (percent).

    Compared in the whole brain: what a method drops counts as zero. Further maps: the error of each whose truth is
    known, and what is left of veins where they should be dark.
    """
    if stage == "maps":
        known = map_truths(method, outcome.outputs, phantom)
        found = {name: metrics.nrmse(outcome.outputs[name], truth, phantom.mask) for name, truth in known.items()}
        found |= {f"{name} level": level(outcome.outputs[name], truth, phantom.mask) for name, truth in known.items()}
        for name in known.keys() & INSIDE:
            inside = erode(phantom.mask, phantom.scan.grid, INSIDE[name])
            found[f"{name} inside"] = metrics.nrmse(outcome.outputs[name], known[name], inside)
        return found | {
            f"{n} veins": veins_left(image, phantom) for n, image in outcome.outputs.items() if n in WEIGHTED
        }
    kind, mask, scan = next(iter(outcome.outputs)), phantom.mask, phantom.scan
    made = outcome.outputs[kind]
    if kind == "mask":
        return {"overlap": 100 * (1 - metrics.dice(made, mask))}
    if kind in ("phase", "unwrapped"):
        turn = 2 * np.pi * GAMMA_BAR * scan.field_strength
        difference = (made - turn * np.array(scan.echo_times) * phantom.total_field[..., None])[mask]
        if kind == "phase":
            difference = np.angle(np.exp(1j * difference))
        return {"turns": 100 * float(np.sqrt(np.mean(difference**2))) / (2 * np.pi)}
    truth = getattr(phantom, kind)
    found = {"nrmse": metrics.nrmse(made, truth, mask)}
    if kind == "chi":
        truth = np.where(mask, truth, 0)
        found["dissimilarity"] = 100 * (1 - metrics.xsim(made, truth, mask))
        found["slope"] = 100 * abs(metrics.slope(made, truth, mask) - 1)
    return found


BACKGROUNDS = ("constant", "harmonic", "outside")
"""Fields that have no source in the mask."""


def background_left(name: str, kind: str) -> float:
    """Return what a background method leaves of a field without sources in the mask, percent of its variation."""
    grid = Grid((44, 41, 37), (2.0, 2.2, 2.5), b0_direction=(0.3, -0.2, 0.93))
    x, y, z = positions(grid)
    mask = (x / 34) ** 2 + (y / 36) ** 2 + (z / 37) ** 2 < 1
    field = {
        "constant": np.ones(grid.shape),
        "harmonic": (x + 2 * y - z + (x * y - y * z + x * x - y * y + 2 * z * z - x * x - y * y) / 20) / 20,
        "outside": sphere_field(grid, 12, 9, (10, -12, 58)) + sphere_field(grid, 8, -9, (-50, 8, 5)),
    }[kind]
    level = np.sqrt(np.mean(field[mask] ** 2)) if kind == "constant" else np.std(field[mask])
    data = {"total_field": field.astype(np.float32), "mask": mask, "grid": grid, "weights": mask.astype(np.float32)}
    made = run_stage("background", name, {}, data)
    return 100 * float(np.sqrt(np.mean(made["local_field"][made["mask"]] ** 2)) / level)
