"""Texts that a user reads can be translated: Slicer's tools find them in `_()` and in the .ui file."""

import ast
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

MODULE = Path(__file__).parents[1] / "QSM"
SHOWING = {
    "text",
    "toolTip",
    "title",
    "windowTitle",
    "placeholderText",
    "helpText",
    "acknowledgementText",
    "noneDisplay",
}
"""Attributes of widgets and of the module whose text is read."""
SAYING = {
    *(
        "setText",
        "setToolTip",
        "setTitle",
        "setWindowTitle",
        "setPlaceholderText",
        "addItem",
        "addTab",
        "addRow",
        "say",
    ),
    *("addAction", "setTabText", "setItemText", "setHeaderLabels", "setHorizontalHeaderLabels"),
    *("QLabel", "QPushButton", "QCheckBox", "QRadioButton", "QGroupBox", "QAction", "QToolButton"),
}
"""Calls whose first argument is read (of `addTab` and `setItemText` any)."""
NOT_WORDS = {
    "nodeTypes",
    "hideChildNodeTypes",
    "interactionNodeSingletonTag",
    "sceneModelType",
    "levelFilter",
    "quantity",
}
"""Properties in a .ui file that hold names of things, and would break if they were translated."""


def files():
    """Return the files that show something: those of the panel, and whoever else translates."""
    found = sorted(MODULE.rglob("*.py"))
    return [path for path in found if path.parent.name == "panel" or "slicer.i18n" in path.read_text("utf-8")]


def is_marked(node):
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("_", "translate")


def bare_words(node):
    """Yield the words written in an expression outside `_()`; names of things, such as keys, are not looked at."""
    match node:
        case ast.Constant(value=str(text)) if sum(map(str.isalpha, text)) > 1:
            yield text
        case ast.JoinedStr() | ast.List() | ast.Tuple():
            for part in node.values if isinstance(node, ast.JoinedStr) else node.elts:
                yield from bare_words(part)
        case ast.BinOp():
            yield from bare_words(node.left)
            yield from bare_words(node.right)
        case ast.IfExp():
            yield from bare_words(node.body)
            yield from bare_words(node.orelse)
        case ast.Call(func=ast.Attribute(attr="format" | "join", value=template)) if not is_marked(node):
            yield from bare_words(template)


def shown(tree):
    """Yield the expressions whose text a user reads."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and any(
            isinstance(t, ast.Attribute) and t.attr in SHOWING for t in node.targets
        ):
            yield node.value
        elif isinstance(node, ast.Call) and name_of(node) in SAYING and node.args:
            yield from node.args if name_of(node) in ("addTab", "setItemText", "setTabText") else node.args[:1]


def name_of(call):
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


@pytest.mark.parametrize("path", files(), ids=lambda path: path.name)
def test_every_text_on_a_widget_can_be_translated(path):
    found = {text for expression in shown(ast.parse(path.read_text("utf-8"))) for text in bare_words(expression)}
    assert not found, f"{path.name}: outside _(): {sorted(found)}"


@pytest.mark.parametrize("path", files(), ids=lambda path: path.name)
def test_what_is_translated_stands_there_word_for_word(path):
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if is_marked(node):  # the tools read the source: neither f-strings nor variables
            assert all(isinstance(arg, ast.Constant) and isinstance(arg.value, str) for arg in node.args), (
                f"{path.name}:{node.lineno}: {ast.unparse(node)}"
            )


def test_the_search_finds_what_it_looks_for():
    bad = 'w.text = "Apply"\nl.addRow(f"Echo {n}", w)\nw.toolTip = _("a") + "words" if x else "{} more".format(n)'
    assert {t for e in shown(ast.parse(bad)) for t in bare_words(e)} == {"Apply", "Echo ", "words", "{} more"}
    good = 'w.text = _("Apply")\nw.text = names["chi"]\nw.text = _("{n} echoes").format(n=n)\nw.text = f"{n}"'
    assert not [t for e in shown(ast.parse(good)) for t in bare_words(e)]


@pytest.mark.parametrize("path", sorted(MODULE.rglob("*.ui")), ids=lambda path: path.name)
def test_names_of_things_in_the_ui_are_not_translated(path):
    for owner in ET.parse(path).getroot().iter("property"):
        if owner.get("name") in NOT_WORDS:
            for content in [*owner.iter("string"), *owner.iter("stringlist")]:
                marked = content.get("notr") == "true" or owner.find("stringlist[@notr='true']") is not None
                assert marked or not (content.text or "").strip(), f"{path.name}: {owner.get('name')} without notr"
