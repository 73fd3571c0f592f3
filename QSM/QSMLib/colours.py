"""Blue, white and red for maps that are about zero: made once in a scene and saved with it."""

from __future__ import annotations

from typing import Any

import numpy as np

from .volumes import nodesOf

NAME = "QSM blue-white-red"
CATEGORY = "QSM"
"""Where Slicer's menus of colours list it."""

TAG = "QSM.colours"
"""Attribute by which the node is found again, whatever a user calls it."""

BLUE, WHITE, RED = (30.0, 35.0, -68.0), (97.0, 0.0, 0.0), (30.0, 50.0, 43.0)
"""In CIELAB. Lightness falls alike to both sides, so that +x and -x catch the eye alike, in grey print too."""

ENTRIES = 256
WHITE_POINT = (0.9505, 1.0, 1.089)
"""D65, in XYZ."""
TO_RGB = ((3.2406, -1.5372, -0.4986), (-0.9689, 1.8758, 0.0415), (0.0557, -0.2040, 1.0570))
"""XYZ to linear sRGB (IEC 61966-2-1)."""


def divergingColours(scene: Any) -> Any:
    """Return the scene's colour node for maps about zero; make it where there is none."""
    found = (node for node in nodesOf(scene, "vtkMRMLColorTableNode") if node.GetAttribute(TAG) is not None)
    return next(found, None) or _made(scene)


def table() -> np.ndarray:
    """Return the colours from the most negative to the most positive value, (entries, 3) sRGB from 0 to 1."""
    value = np.linspace(-1, 1, ENTRIES)[:, None]
    end = np.where(value < 0, BLUE, RED)
    return _rgb(np.array(WHITE) + np.abs(value) * (end - np.array(WHITE)))


def _made(scene: Any) -> Any:
    node = scene.CreateNodeByClass("vtkMRMLColorTableNode")
    node.UnRegister(None)  # the scene holds it from now on
    node.SetName(NAME)
    node.SetAttribute("Category", CATEGORY)
    node.SetAttribute(TAG, "diverging")
    node.SetTypeToUser()
    node.SetHideFromEditors(False)  # Slicer does not save a hidden one
    node.SetNumberOfColors(ENTRIES)
    for entry, colour in enumerate(table()):
        node.SetColor(entry, f"{entry}", *map(float, colour))
    node.GetLookupTable().SetRange(0, ENTRIES - 1)
    return scene.AddNode(node)


def _rgb(lab: np.ndarray) -> np.ndarray:
    """Convert CIELAB to sRGB."""
    lightness, a, b = np.moveaxis(lab, -1, 0)
    f = (lightness + 16) / 116
    f = np.stack([f + a / 500, f, f - b / 200], axis=-1)
    xyz = np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29)) * WHITE_POINT
    linear = np.clip(xyz @ np.transpose(TO_RGB), 0, 1)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
