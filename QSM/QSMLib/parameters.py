"""What the panel knows, kept in a parameter node: it is saved and restored with the scene.

Every value is a text or a node reference there. No Qt: another front end can share it.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import slicer

from QSMLogic.errors import InputError
from QSMLogic.settings import Settings, preset_names

from .needs import asks, refuseUnfit, takes
from .request import Request
from .stored import Stored, StoredNode, Together, Values
from .volumes import echoNodes

MODULE = "QSM"
"""Singleton tag and ModuleName attribute of the node, as Slicer gives them to a module's parameter node."""

VOLUMES, SEQUENCES = "volumes", "sequences"
"""How the echoes are given: one volume each, or as 4-D sequences."""

METHODS_MASK, NODE_MASK = "methods", "node"
"""Where the mask comes from: masking methods, or a segmentation or label volume."""

CUSTOM = "custom"
"""Stands for the preset where the settings came from a file."""

UNSET = "-"
"""Stands for an echo time that is not known yet."""


@dataclass(frozen=True)
class Echo:
    """A row of the table of echoes; what is not chosen yet is None. time: s."""

    time: float | None = None
    phase: Any = None
    magnitude: Any = None


def _numbers(text: str) -> tuple[float, ...]:
    return tuple(float(word) for word in text.split())


def _time(text: str) -> float | None:
    """Return the time of a row; None where it is not known, or where a scene was edited by hand."""
    try:
        return float(text)
    except ValueError:
        return None


def _segments(text: str) -> tuple[str, ...]:
    return tuple(str(segment) for segment in json.loads(text))


def _presetOr(text: str) -> str:
    """Return the name of a preset; one that is not known, such as a later version's, is as a file."""
    return text if text in preset_names() else CUSTOM


def _spaced(numbers: Sequence[float]) -> str:
    return " ".join(repr(float(number)) for number in numbers)


class Parameters(Values):
    """State of the panel: one property per control, and the `Request` they make together."""

    inputKind = Stored(VOLUMES)
    fieldStrength = Stored(None, float, lambda value: repr(float(value)))
    b0Direction = Stored(Request.b0Direction, _numbers, _spaced)
    phaseScale = Stored(Request.phaseScale)
    phaseSign = Stored(Request.phaseSign, int)
    maskSource = Stored(METHODS_MASK)
    maskSegments = Stored(Request.maskSegments, _segments, lambda ids: json.dumps(list(ids)))
    keep = Stored(Request.keep, lambda text: tuple(text.split()), " ".join)
    name = Stored(Request.name)
    preset = Stored("default", _presetOr)
    phaseSequence = StoredNode()
    magnitudeSequence = StoredNode()
    mask = StoredNode()
    labels = StoredNode()
    r2 = StoredNode()

    @classmethod
    def ofScene(cls, scene: Any) -> Parameters:
        """Return the parameters of a scene, with a new parameter node where it has none."""
        node = scene.GetSingletonNode(MODULE, "vtkMRMLScriptedModuleNode")
        if node is None:
            node = slicer.vtkMRMLScriptedModuleNode()
            node.SetSingletonTag(MODULE)
            node.SetName(MODULE)
            node = scene.AddNode(node)
        if node.GetAttribute("ModuleName") != MODULE:  # closing the scene takes it away
            node.SetAttribute("ModuleName", MODULE)
        return cls(node)

    @property
    def echoes(self) -> tuple[Echo, ...]:
        """The rows of the table of echoes."""
        reference = self.node.GetNodeReference
        times = self.node.GetParameter("echoTimes").split()
        return tuple(
            Echo(_time(time), reference(f"phase{i}"), reference(f"magnitude{i}")) for i, time in enumerate(times)
        )

    @echoes.setter
    def echoes(self, rows: Sequence[Echo]) -> None:
        before = len(self.echoes)
        with Together(self.node):
            self.node.SetParameter(
                "echoTimes", " ".join(UNSET if r.time is None else repr(float(r.time)) for r in rows)
            )
            for i in range(max(before, len(rows))):
                row = rows[i] if i < len(rows) else Echo()
                for role, node in ((f"phase{i}", row.phase), (f"magnitude{i}", row.magnitude)):
                    self.node.SetNodeReferenceID(role, node.GetID() if node else None)

    @property
    def settings(self) -> Settings:
        """The settings, stored word for word as in a settings file. InputError where the text is none."""
        text = self.node.GetParameter("settings")
        return _parsed(text) if text else _preset("default" if self.preset == CUSTOM else self.preset)

    @settings.setter
    def settings(self, settings: Settings) -> None:
        self.node.SetParameter("settings", settings.to_toml())

    @property
    def settingsChanged(self) -> bool:
        """Whether the settings are no longer those of the preset."""
        return self.preset != CUSTOM and self.settings != _preset(self.preset)

    def choosePreset(self, name: str) -> None:
        """Take the settings of a preset."""
        settings = Settings.preset(name)
        with Together(self.node):
            self.preset, self.settings = name, settings

    def importSettings(self, path: str | Path) -> None:
        """Take the settings of a file. Raises InputError naming the file, and changes nothing then."""
        settings = Settings.read(path)
        equal = [name for name in preset_names() if Settings.preset(name) == settings]
        with Together(self.node):
            self.preset, self.settings = (equal or [CUSTOM])[0], settings

    def exportSettings(self, path: str | Path) -> None:
        """Write the settings file. Raises InputError where it cannot be written."""
        try:
            self.settings.write(path)
        except OSError as error:
            raise InputError(f"The settings cannot be written to {path}: {error.strerror}.") from None

    @property
    def needsMask(self) -> bool:
        """Whether a segmentation or label volume is used as the mask, or as its beginning."""
        return self.maskSource == NODE_MASK or asks(self.settings, "given_mask")

    def images(self, scene: Any) -> tuple[tuple, tuple]:
        """Return the phase and magnitude nodes of the echoes; InputError in one sentence where one is missing."""
        if self.inputKind == SEQUENCES:
            if self.phaseSequence is None:
                raise InputError("Choose the sequence of phase images.")
            magnitudes = echoNodes((self.magnitudeSequence,), scene) if self.magnitudeSequence else ()
            return tuple(echoNodes((self.phaseSequence,), scene)), tuple(magnitudes)
        rows = self.echoes
        if not any(row.phase for row in rows):
            raise InputError("Choose the phase images.")
        some = any(row.magnitude for row in rows)
        for i, row in enumerate(rows):
            if row.phase is None:
                raise InputError(f"Echo {i + 1} has no phase image: choose one, or remove the row.")
            if some and row.magnitude is None:
                raise InputError(f"Echo {i + 1} has no magnitude image: choose one, or none for every echo.")
        return tuple(row.phase for row in rows), tuple(row.magnitude for row in rows) if some else ()

    def request(self) -> Request:
        """Return everything a run needs; InputError with the first thing that is missing, in one sentence."""
        settings = self.settings
        scene = self.node.GetScene()
        phases, magnitudes = self.images(scene)
        times = [row.time for row in self.echoes]
        times += [None] * (len(phases) - len(times))
        if None in times:
            raise InputError(f"Echo {times.index(None) + 1} has no echo time: give it in ms.")
        if self.fieldStrength is None:
            raise InputError("Give the field strength in T.")
        mask = self.mask if self.needsMask else None
        if self.needsMask and mask is None:
            raise InputError("Choose the segmentation or label volume that is the mask.")
        labels = self.labels if asks(settings, "labels") else None
        if asks(settings, "labels") and labels is None:
            raise InputError("Choose the segmentation or label volume with the region to refer to.")
        refuseUnfit(settings, len(phases), magnitudes)
        r2 = self.r2 if takes(settings, "r2") else None
        if r2 is None and asks(settings, "r2"):
            raise InputError("Choose the volume that is the R2 map (1/s), for the further maps.")
        return Request(
            phases=phases,
            magnitudes=magnitudes,
            echoTimes=tuple(times),
            fieldStrength=self.fieldStrength,
            settings=settings,
            mask=mask,
            maskSegments=self.maskSegments if mask else (),
            labels=labels,
            r2=r2,
            b0Direction=self.b0Direction,
            phaseScale=self.phaseScale,
            phaseSign=self.phaseSign,
            keep=self.keep,
            name=self.name,
        )


@lru_cache(maxsize=8)
def _preset(name: str) -> Settings:
    return Settings.preset(name)


@lru_cache(maxsize=8)
def _parsed(text: str) -> Settings:
    try:
        return Settings.from_dict(tomllib.loads(text))
    except (InputError, tomllib.TOMLDecodeError) as error:
        reason = str(error).rstrip(".")
        raise InputError(f"The settings of this scene cannot be used ({reason}): choose a preset.") from None
