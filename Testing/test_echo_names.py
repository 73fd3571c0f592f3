"""Phase and magnitude of the echoes are told by the names of volumes."""

import pytest


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["sub_e2_ph", "sub_e1_ph", "sub_e10_ph", "sub_e1", "t1"], [(1, None), (0, None), (2, None)]),
        (
            ["s_echo-1_part-mag_MEGRE", "s_echo-2_part-mag_MEGRE", "s_echo-1_part-phase_MEGRE", "s_echo-2_part-phase"],
            [(2, 0), (3, 1)],
        ),
        (["Magnitude 1", "Phase 1", "Magnitude 2", "Phase 2"], [(1, 0), (3, 2)]),
        (["5 gre mag", "6 gre pha"], [(1, 0)]),
        (["phantom", "phase total field", "phase chi", "symphony"], []),
        (["GREphase_1", "GREmag_1"], [(0, 1)]),
    ],
)
def test_echoes_are_found_by_the_names_of_volumes(slicer_scene, names, found):
    from QSMLib.echo_names import echoesByName  # noqa: PLC0415 (on the path once there is a Slicer)

    assert echoesByName(names) == found


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (
            ["A ph 2", "A ph 1", "A mag 1", "A mag 2", "B ph 1", "B ph 2"],
            {"A": [(1, 2), (0, 3)], "B": [(4, None), (5, None)]},
        ),
        (["A ph 1", "A ph 2", "fieldmap ph"], {"A": [(0, None), (1, None)]}),
        (["5ms phase", "11ms phase"], {"5ms": [(0, None), (1, None)]}),
        (["t1"], {}),
    ],
)
def test_scans_are_told_apart_by_the_names_of_volumes(slicer_scene, names, found):
    from QSMLib.echo_names import scansByName  # noqa: PLC0415 (see above)

    scans = scansByName(names)
    assert scans == found
    assert list(scans) == list(found)


@pytest.mark.parametrize(
    ("phase", "scan"),
    [
        ("QSM phantom phase 1", "QSM phantom"),
        ("sub-head_echo-1_part-phase_MEGRE", "sub-head_MEGRE"),
        ("gre_phase_e1", "gre"),
        ("sub 01 phase", "sub 01"),
        ("GREphase", "GRE"),
        ("phantom", "phantom"),
        ("phase", "phase"),
        ("pha_2", "pha_2"),
    ],
)
def test_a_scan_is_called_by_what_its_echoes_share(slicer_scene, phase, scan):
    from QSMLib.echo_names import scanName  # noqa: PLC0415 (see above)

    assert scanName(phase) == scan
