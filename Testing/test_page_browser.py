"""The pages in a real browser: pictures decode, nothing is loaded, no text of a header runs, keys and sorting work."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest
from dicom_files import SIEMENS, write_volume

from QSMLogic.cli import main
from QSMLogic.report.index import Entry, index_page
from QSMLogic.report.page import page
from QSMLogic.report.pictures import thumbnail
from QSMLogic.roi import region_statistics

PAYLOADS = (
    "</script><script>owned = 1</script>",
    "</title></style></pre><img src=x onerror='owned = 1'>",
    "\"><svg onload='owned = 1'><a href='javascript:owned = 1'>x</a>",
    "<!-- <iframe srcdoc='<script>top.owned = 1</script>'></iframe> -->",
    "<style>* { display: none }</style><meta http-equiv=refresh content='0; url=https://example.org'>",
)
HOSTILE = " ".join(PAYLOADS)
NARROW = 390
"""Pixels; a phone."""


def written(folder, made, name="report.html"):
    path = folder / name
    path.write_text(made, "utf-8")
    return path


def test_the_pictures_decode_and_nothing_is_loaded(browser, small_run, tmp_path):
    path = written(tmp_path, page(small_run.told, small_run.loaded, small_run.result))
    browser.open(path)
    assert browser.complaints() == []
    assert browser.requests() == [path.as_uri()]
    sizes = browser.value("[...document.images].map((image) => [image.naturalWidth, image.naturalHeight])")
    assert len(sizes) > 30
    assert min(min(size) for size in sizes) > 0
    assert browser.value("document.querySelectorAll('button:not([hidden])').length") == 4


def test_what_is_seen_is_the_map_in_true_proportions(browser, small_run, tmp_path):
    browser.open(written(tmp_path, page(small_run.told, small_run.loaded, small_run.result)))
    boxes = browser.value(
        "[...document.querySelectorAll('#stages .planes')[0].querySelectorAll('img')]"
        ".map((image) => image.getBoundingClientRect()).map((box) => [box.width, box.height])"
    )
    x, y, z = np.multiply(small_run.loaded.scan.grid.shape, small_run.loaded.scan.grid.voxel_size)
    scale = boxes[0][0] / x
    np.testing.assert_allclose(boxes, scale * np.array([(x, y), (x, z), (y, z)]), rtol=0.01)
    corner = (
        "const c = document.createElement('canvas'), i = document.querySelector('#chi img'); c.width = c.height = 8;"
    )
    drawn = f"(() => {{ {corner} const d = c.getContext('2d'); d.drawImage(i, 0, 0, 8, 8); "
    levels = browser.value(drawn + "return [...d.getImageData(0, 0, 8, 8).data].filter((v, k) => k % 4 == 0); })()")
    assert levels[0] == 0, "black outside the mask"
    assert max(levels) > 30, "and not black inside"


@pytest.mark.parametrize("dark", [False, True])
def test_it_can_be_read_in_light_and_dark_and_on_a_phone(browser, small_run, tmp_path, dark):
    path = written(tmp_path, page(small_run.told, small_run.loaded, small_run.result))
    browser.open(path, width=NARROW, dark=dark)
    assert browser.value("document.documentElement.scrollWidth") <= NARROW
    ink, paper = (
        np.mean(json.loads("[" + re.search(r"\((.*?)\)", colour).group(1) + "]")[:3])
        for colour in browser.value(
            "[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"
        )
    )
    assert ink - paper > 150 if dark else paper - ink > 150


def hostile(run):
    """Return a page on which everything that can come from a file tries to run."""
    loaded = run.with_facts(**dict.fromkeys(("SeriesDescription", "Manufacturer", "ImageType", HOSTILE), HOSTILE))
    loaded.facts["said_by"] = {"echo_times": HOSTILE}
    record = {
        **run.told.provenance,
        "warnings": list(PAYLOADS),
        "command": HOSTILE,
        "inputs": [{"file": HOSTILE, "bytes": 1, "sha256": HOSTILE}],
    }
    scan, maps = loaded.scan, run.result.maps
    rows = region_statistics(
        maps["chi"], loaded.data["labels"], scan.grid, names={1: HOSTILE}, mask=maps["eroded_mask"]
    )
    return page(replace(run.told, provenance=record, methods=HOSTILE), loaded, run.result, rows, name=HOSTILE)


def test_hostile_text_is_text(browser, small_run, tmp_path):
    path = written(tmp_path, hostile(small_run))
    browser.open(path)
    assert browser.value("typeof owned") == "undefined"
    assert browser.complaints() == []
    assert browser.requests() == [path.as_uri()]
    assert browser.value("document.title").startswith(HOSTILE[:30])
    assert browser.value("document.querySelector('h1').textContent") == HOSTILE
    assert browser.value("document.querySelectorAll('script, style, iframe, meta[http-equiv=refresh]').length") == 2
    handlers = (
        "[...document.querySelectorAll('*')].flatMap((e) => [...e.attributes]).filter((a) => a.name.startsWith('on'))"
    )
    assert browser.value(f"{handlers}.length") == 0
    assert browser.value("[...document.links].filter((a) => a.protocol == 'javascript:').length") == 0


def test_a_script_that_got_in_all_the_same_does_not_run(browser, small_run, tmp_path):
    made = page(small_run.told, small_run.loaded, small_run.result)
    put = "<script>window.owned = 1</script><img src='https://example.org/x.png' onerror='window.owned = 1'>"
    broken = made.replace("<main>", f"<main>{put}", 1)
    assert broken != made
    browser.open(written(tmp_path, broken))
    assert browser.value("typeof owned") == "undefined"
    assert any("Content Security Policy" in said for said in browser.complaints())


def entries(small_run, folder, count=12):
    maps = small_run.result.maps
    picture = thumbnail(maps["chi"], maps["eroded_mask"], small_run.loaded.scan.grid)
    made = []
    for i in range(count):
        name = f"sub-{i:02d}"
        written(folder, page(small_run.told, small_run.loaded, small_run.result, name=name), f"{name}.html")
        made.append(Entry(name, f"{name}.html", "done", "", {"streaks": 1 + i / 10, "snr": 80.0 - i}, picture))
    return made


def test_reports_are_flicked_through_by_keys(browser, small_run, tmp_path):
    some = entries(small_run, tmp_path, 3)
    failed = Entry("sub-99", "", "failed", "There is no phase.", {}, b"")
    path = written(tmp_path, index_page([*some, failed]), "index.html")
    browser.open(path)
    assert browser.value("document.querySelector('.failures').textContent") == "1 failedsub-99: There is no phase."
    shown = "document.querySelector('#flick').hidden ? '' : document.querySelector('#flick strong').textContent"
    assert browser.value(shown) == ""
    address = "document.querySelector('#flick iframe').src"
    seen = []
    for key in ("ArrowRight", "ArrowRight", "ArrowRight", "ArrowRight", "ArrowLeft"):
        browser.press(key)
        assert browser.value(address) == path.with_name(f"{browser.value(shown)}.html").as_uri()
        seen.append(browser.value(shown))
    assert seen == ["sub-00", "sub-01", "sub-02", "sub-02", "sub-01"]
    browser.press("Escape")
    assert browser.value(shown) == ""
    assert browser.complaints() == []
    assert browser.requests()[:2] == [path.as_uri(), path.with_name("sub-00.html").as_uri()]


def test_numbers_are_sorted_by_a_click(browser, small_run, tmp_path):
    some = entries(small_run, tmp_path, 6)
    browser.open(written(tmp_path, index_page([*some, Entry("sub-99", "", "failed", "No.", {}, b"")]), "index.html"))
    names = "[...document.querySelectorAll('tbody th')].map((head) => head.textContent)"
    cards = "[...document.querySelectorAll('.card')].map((card) => card.dataset.name)"
    click = "[...document.querySelectorAll('thead th')].find((head) => head.textContent == '{}').click()"
    assert browser.value(names)[0] == "sub-99"
    browser.value(click.format("SNR of the first echo"))
    rising = browser.value(names)
    assert rising == [*(entry.name for entry in reversed(some)), "sub-99"] == browser.value(cards)
    browser.value(click.format("SNR of the first echo"))
    assert browser.value(names) == [*(entry.name for entry in some), "sub-99"]


def test_hostile_names_in_the_index_are_text(browser, tmp_path):
    one = Entry(HOSTILE, "javascript:owned=1", "failed", HOSTILE, {HOSTILE: 1.0}, b"")
    path = written(tmp_path, index_page([one], title=HOSTILE), "index.html")
    browser.open(path)
    browser.press("ArrowRight")
    assert browser.value("typeof owned") == "undefined"
    assert browser.value("document.querySelectorAll('script, style').length") == 2
    assert browser.value("document.querySelector('tbody th').textContent") == HOSTILE


@pytest.mark.filterwarnings("ignore:Invalid value for VR")
def test_hostile_tags_of_dicom_files_are_text(browser, small_run, tmp_path, capsys):
    tags = {
        "SeriesDescription": "<img src=x onerror='owned = 1'>",
        "ProtocolName": "\u202e</script><script>owned = 1</script>",
        "SoftwareVersions": "'\"><svg onload='owned = 1'>",
        "ScanOptions": ["FC", "<b>"],
    }
    scan = small_run.loaded.scan
    for echo, time in enumerate(scan.echo_times):
        timing = {"EchoTime": 1000 * time, "EchoNumbers": echo + 1, "SpecificCharacterSet": "ISO_IR 192"}
        phase = np.rint((scan.phase[..., echo] + np.pi) / (2 * np.pi) * 4095).astype(int)
        magnitude = np.rint(scan.magnitude[..., echo] / scan.magnitude.max() * 4095).astype(int)
        scale = {"RescaleSlope": 2, "RescaleIntercept": -4096, "RescaleType": "US"}
        apart = {"SeriesNumber": 6, "SeriesInstanceUID": "1.2.9.6"}
        folder = tmp_path / "<scans>" / str(echo)
        write_volume(folder / "magnitude", magnitude, SIEMENS, "magnitude", **timing, **tags)
        write_volume(folder / "phase", phase, SIEMENS, "phase", **timing, **scale, **apart, **tags)
    words = ["run", "--folder", str(tmp_path / "<scans>"), "--out", str(tmp_path / "out")]
    words += ["--masking", "threshold", "--background", "sharp", "--inversion", "tkd"]
    assert main([*words, "--set", "background.radius=2"]) == 0, capsys.readouterr().err
    browser.open(tmp_path / "out" / "report.html")
    assert browser.value("typeof owned") == "undefined"
    assert browser.complaints() == []
    assert browser.value("document.querySelector('h1').textContent") == tags["SeriesDescription"]
    assert tags["SoftwareVersions"] in browser.value("document.querySelector('#acquisition').textContent")
    assert "scans" in browser.value("document.querySelector('#provenance').textContent")
