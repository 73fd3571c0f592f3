"""What `import QSMLogic` offers, and what it costs."""

import subprocess
import sys

import pytest

import QSMLogic
from QSMLogic import pipeline, scan


def test_what_most_scripts_need_is_at_hand():
    assert QSMLogic.run is pipeline.run
    assert QSMLogic.Scan is scan.Scan
    assert all(getattr(QSMLogic, name) for name in QSMLogic.__all__)
    with pytest.raises(AttributeError, match="module 'QSMLogic' has no attribute 'magic'"):
        _ = QSMLogic.magic


def test_importing_the_package_loads_no_library():
    script = "import sys, QSMLogic; sys.exit(any(name in sys.modules for name in ('numpy', 'scipy', 'SimpleITK')))"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
