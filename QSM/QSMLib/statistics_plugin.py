"""Offers the module's measurements in Slicer's own module Segment Statistics."""

from __future__ import annotations


def register() -> None:
    """Add the plugin to Segment Statistics, in place of one of an earlier load of this module.

    Call it when Slicer has started: then every module can be imported.
    """
    from SegmentStatistics import SegmentStatisticsLogic  # noqa: PLC0415 (a module of Slicer, there from then on)

    from .segment_measures import QSMSegmentStatisticsPlugin  # noqa: PLC0415 (imports that module's classes)

    name = QSMSegmentStatisticsPlugin.__name__
    plugins = SegmentStatisticsLogic.registeredPlugins
    plugins[:] = [plugin for plugin in plugins if plugin.__name__ != name]
    SegmentStatisticsLogic.registerPlugin(QSMSegmentStatisticsPlugin())
