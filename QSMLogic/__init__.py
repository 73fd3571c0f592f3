"""SlicerQSM's pipeline: from gradient-echo phase and magnitude to magnetic susceptibility."""

__version__ = "0.1.0"
