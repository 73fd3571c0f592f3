"""Runs on nodes: settings in any form, all results, or one sentence and none."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from slicer_nodes import ids, matrix_of
from slicer_runs import SHAPE, TIMES, TKD

from QSMLogic.errors import Cancelled, InputError
from QSMLogic.settings import Settings


@pytest.mark.parametrize("given", ["text", "path", "settings"])
def test_settings_come_in_any_form(head_files, given, tmp_path):
    from QSMLib.logic import settingsOf  # noqa: PLC0415

    expected = Settings.from_dict({"inversion": {"method": "tkd"}})
    (tmp_path / "mine.toml").write_text(TKD)
    forms = {"text": (TKD,), "path": (tmp_path / "mine.toml", str(tmp_path / "mine.toml")), "settings": (expected,)}
    for form in forms[given]:
        assert settingsOf(form) == expected
    assert settingsOf("fast") == Settings.preset("fast")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("swift", "There is no preset 'swift'; the presets: default, "),
        ("[inversion\nmethod = 1", "The settings are no TOML document: "),
        ("[inversion]\nmethod = 'magic'", "There is no inversion method 'magic'"),
        ("nowhere.toml", "The file nowhere.toml cannot be read"),
    ],
)
def test_settings_that_make_no_sense_are_refused(given, said):
    from QSMLib.logic import settingsOf  # noqa: PLC0415

    with pytest.raises(InputError) as refusal:
        settingsOf(given)
    assert str(refusal.value).startswith(said)


def nothing_finite(nodes, head_nodes):
    return {"phases": [nodes.volume(np.full(SHAPE, np.nan), own(head_nodes), f"p{e}") for e in range(3)]}


def constant(nodes, head_nodes):
    return {"phases": [nodes.volume(np.full(SHAPE, 2.0), own(head_nodes), f"p{e}") for e in range(3)]}


def own(head_nodes):
    return matrix_of(head_nodes["phase"][0])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (nothing_finite, "The phase holds no finite value (all NaN or infinite)"),
        (constant, "The phase of echo 1 is 2 everywhere: it holds no information"),
        (lambda n, g: {"magnitudes": None, "mask": None}, "needs the magnitude, which is not given."),
        (lambda n, g: {"mask": n.volume(np.zeros(SHAPE, np.uint8), own(g), "none", labels=True)}, "The mask is empty"),
        (lambda n, g: {"settings": '[referencing]\nmethod = "region"'}, "needs a label image, which is not given."),
        (lambda n, g: {"times": [5.1, 11.3, 17.2]}, "that looks like milliseconds"),
        (lambda n, g: {"phases": []}, "No phase volume is chosen"),
        (lambda n, g: {"phases": None}, "No phase volume is chosen"),
        (lambda n, g: {"phases": "phase 1"}, "phase 1 is a name: give the node itself"),
        (lambda n, g: {"magnitudes": g["magnitude"][:2]}, "3 phase but 2 magnitude volumes are chosen"),
        (lambda n, g: {"regions": n.scene.AddNewNodeByClass("vtkMRMLModelNode", "skin")}, "skin cannot be the regions"),
        (lambda n, g: {"phases": g["phase"][0], "magnitudes": None, "times": None}, "The echo times are missing"),
        (lambda n, g: {"phaseScale": 1}, "which is not radians"),
    ],
)
def test_bad_input_is_one_sentence_and_changes_nothing(run_nodes, nodes, head_nodes, changes, said):
    given = changes(nodes, head_nodes)
    before = ids(nodes.scene)
    with pytest.raises(InputError) as refusal:
        run_nodes(**given)
    sentence = str(refusal.value)
    assert said in sentence
    assert "\n" not in sentence
    assert "--" not in sentence
    assert tempfile.gettempdir() not in sentence
    assert ids(nodes.scene) == before


def test_a_run_is_cancelled_by_its_progress(run_nodes, nodes):
    def stop(fraction, message):
        raise Cancelled

    before = ids(nodes.scene)
    with pytest.raises(Cancelled):
        run_nodes(progress=stop)
    assert ids(nodes.scene) == before


def test_a_run_is_started_watched_and_collected(logic, head_nodes, nodes):
    from QSMLib.request import Request  # noqa: PLC0415

    request = Request(tuple(head_nodes["phase"]), (), TIMES, 3.0, Settings.preset("fast"), mask=head_nodes["mask"])
    job = logic.start(request)
    assert job.poll()  # it runs, and the caller is free
    outputs = logic.collect(job)
    assert job.succeeded
    assert outputs.chi.GetName() == "phase0 chi"
    cancelled = logic.start(request)
    cancelled.cancel()
    with pytest.raises(Cancelled):
        logic.collect(cancelled)


def test_a_full_disk_is_told_and_leaves_nothing(run_nodes, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("QSMLib.files._writeFacts", full)
    with pytest.raises(InputError, match="is full; nothing was written"):
        run_nodes()


def test_memory_is_told_before_the_run(logic, head_nodes):
    from QSMLib.request import Request  # noqa: PLC0415

    def needed(echoes, settings="fast"):
        volumes = tuple(head_nodes["phase"][:echoes]), tuple(head_nodes["magnitude"][:echoes])
        return logic.memoryNeeded(Request(*volumes, TIMES[:echoes], 3.0, Settings.preset(settings)))

    scan = 2 * 3 * np.prod(SHAPE) * 4
    assert needed(3) > scan
    assert needed(3) - needed(2) >= scan / 3


def test_slicer_starts_without_the_libraries_of_the_computation():
    """Slicer imports the module and lists what it offers when it starts: what loads for seconds waits until used."""
    said = (
        "import sys, slicer_side.application as side\n"
        "app = side.start()\n"
        "side.ScriptedModule(side.ROOT / 'QSM' / 'QSM.py')\n"
        "app.startupCompleted.emit()\n"
        "import SampleData, SegmentStatistics\n"
        "print(len(SampleData.SampleDataLogic.sampleDataSourcesByCategory('QSM')),\n"
        "      len(SegmentStatistics.SegmentStatisticsLogic.registeredPlugins),\n"
        "      *[name for name in ('scipy', 'SimpleITK') if name in sys.modules])"
    )
    paths = os.pathsep.join(map(str, (Path(__file__).parent, Path(__file__).parents[1])))
    done = subprocess.run(
        [sys.executable, "-c", said], env=os.environ | {"PYTHONPATH": paths}, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "1 1"
