"""Iterative methods compute with PyTorch what they compute with NumPy, where the settings' device says so.

A GPU is not needed: PyTorch on the processor goes the same way, and here its tensors refuse what a GPU's refuse.
"""

import builtins
from dataclasses import replace

import numpy as np
import pytest
from cases import at, on_small, small

from QSMLogic.device import computing_on, describe, fetched, placed
from QSMLogic.errors import InputError
from QSMLogic.methods import METHODS
from QSMLogic.phantom import head_phantom
from QSMLogic.pipeline import run, run_stage
from QSMLogic.settings import Settings

ROUNDING = 2e-5
"""Relative difference that another library's float32 transforms may make, of the map's largest value."""

ENDS_BY_ROUNDING = {"pdf": 1e-2, "tfi": 1e-2, "resharp": 3e-4, "iharperella": 2e-3, "msmv": 3e-2, "jpdf": 3e-2}
"""Methods whose conjugate gradients hang on rounding where they end: with NumPy too, by as much, where the field is
changed in its seventh digit."""

ITERATIVE = [(stage, name) for stage in METHODS for name, record in METHODS[stage].items() if record.on_gpu]


def small_head():
    return head_phantom((24, 28, 20), (8.0, 7.5, 10.0), echo_times=(0.005, 0.015, 0.025))


@pytest.fixture
def torch(monkeypatch):
    """PyTorch, with tensors that NumPy cannot read, as it cannot read a GPU's."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install torch")

    def refuse(*args, **options):
        raise TypeError("can't convert a GPU's tensor to numpy")

    monkeypatch.setattr(torch.Tensor, "__array__", refuse)
    return torch


@pytest.fixture
def computed(torch, monkeypatch):
    """Number of transforms and sums by PyTorch so far, in a list of one; transforms lie as a GPU leaves them."""
    count, forward, back, total = [0], torch.fft.rfftn, torch.fft.irfftn, torch.sum

    def last_axis_first(image):
        return image.permute(2, 0, 1).contiguous().permute(1, 2, 0)

    def counted(image):
        count[0] += 1
        return last_axis_first(forward(image))

    def counted_sum(*args, **options):
        count[0] += 1
        return total(*args, **options)

    monkeypatch.setattr(torch, "sum", counted_sum)
    monkeypatch.setattr(torch.fft, "rfftn", counted)
    monkeypatch.setattr(torch.fft, "irfftn", lambda *args: last_axis_first(back(*args)))
    return count


@pytest.mark.parametrize(("stage", "name"), ITERATIVE, ids=[f"{stage}-{name}" for stage, name in ITERATIVE])
def test_pytorch_finds_what_numpy_finds(stage, name, computed):
    with computing_on("torch"):
        found = run_stage(stage, name, {}, at(stage, small()))
    expected = on_small(stage, name).arrays
    for output, image in expected.items():
        assert isinstance(found[output], np.ndarray)
        largest = ENDS_BY_ROUNDING.get(name, ROUNDING) * np.abs(image).max()
        assert np.abs(found[output].astype(float) - image).max() <= largest, output
    assert computed[0] > 5


def test_other_methods_do_not_touch_pytorch(computed):
    for name in ("tkd", "sharp", "separation_closed_form", "separation_r2star"):
        stage = next(stage for stage in METHODS if name in METHODS[stage])
        with computing_on("torch"):
            found = run_stage(stage, name, {}, at(stage, small()))
        for output, image in on_small(stage, name).arrays.items():
            np.testing.assert_array_equal(found[output], image)
    assert computed[0] == 0


def test_an_array_comes_back_as_it_was_placed_and_is_not_shared(torch):
    image = np.arange(24, dtype=np.float32).reshape(2, 3, 4).transpose(2, 0, 1)
    with computing_on("torch"):
        there = placed(image)
        assert describe().startswith(f"PyTorch {torch.__version__}")
        there += 1
        np.testing.assert_array_equal(fetched(there), image + 1)
    assert image[3, 1, 2] == 23
    assert placed(image) is image
    assert describe() == ""


def test_a_run_says_what_it_computed_with(torch):
    head = small_head()
    settings = Settings.preset().changed({"background.method": "resharp", "pipeline.device": "torch"})
    result = run(head.scan, settings, given_mask=head.mask)
    expected = run(head.scan, replace(settings, device="cpu"), given_mask=head.mask)
    assert result.device.startswith("PyTorch")
    assert expected.device == ""
    np.testing.assert_allclose(result.maps["chi"], expected.maps["chi"], atol=2e-4 * np.abs(expected.maps["chi"]).max())


def test_a_gpu_that_is_not_there_is_refused_at_once(torch, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    head, told = small_head(), []
    settings = Settings.preset().changed({"pipeline.device": "gpu"})
    with pytest.raises(InputError, match=r"^PyTorch finds no GPU that it can use: choose the device cpu\.$"):
        run(head.scan, settings, given_mask=head.mask, progress=lambda *a: told.append(a))
    assert told == []


def test_a_missing_pytorch_is_said_with_the_way_to_install_it(monkeypatch):
    real = builtins.__import__

    def without(name, *rest, **options):
        if name == "torch":
            raise ImportError(name)
        return real(name, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InputError, match="needs PyTorch, which is not installed"), computing_on("gpu"):
        pass


def test_a_gpu_without_room_is_a_sentence(torch):
    with pytest.raises(InputError, match="too little memory free"), computing_on("torch"):
        raise torch.OutOfMemoryError("CUDA out of memory")


def test_an_unknown_device_is_refused_and_the_ones_there_are_named():
    with pytest.raises(InputError, match="Device = 'tpu', allowed cpu, gpu, torch"):
        Settings.preset().changed({"pipeline.device": "tpu"})
