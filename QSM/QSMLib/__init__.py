"""The Slicer side. Only `panel` knows Qt; all else takes its scene as an argument, so that other front ends can use it."""

HOMEPAGE = "https://github.com/SlicerQSM/SlicerQSM"
