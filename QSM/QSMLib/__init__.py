"""The Slicer side. Only `panel` knows Qt; all else takes its scene as an argument, for other front ends as well."""

HOMEPAGE = "https://github.com/SlicerQSM/SlicerQSM"
