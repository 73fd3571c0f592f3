"""Offers the module's measurements in Slicer's own module Segment Statistics."""

from __future__ import annotations

from importlib.util import find_spec


def register() -> None:
    """Add the plugin to Segment Statistics, in place of one of an earlier load of this module.

    Call it when Slicer has started: then every module can be imported. Without Segment Statistics it does nothing.
    """
    if find_spec("SegmentStatistics") is None:  # an application made of Slicer, or a user, may leave modules out
        return
    from SegmentStatistics import SegmentStatisticsLogic  # noqa: PLC0415 (a module of Slicer, there from then on)

    from .segment_measures import QSMSegmentStatisticsPlugin  # noqa: PLC0415 (imports that module's classes)

    name = QSMSegmentStatisticsPlugin.__name__
    plugins = SegmentStatisticsLogic.registeredPlugins
    plugins[:] = [plugin for plugin in plugins if plugin.__name__ != name]
    SegmentStatisticsLogic.registerPlugin(QSMSegmentStatisticsPlugin())
