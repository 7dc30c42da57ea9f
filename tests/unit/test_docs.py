"""The documents say what the code does: links, commands, settings, routes and codes that they name are there."""

import ast
import importlib
import json
import pkgutil
import re
import sqlite3
import tomllib
from functools import cache
from pathlib import Path

import pytest

from local.smartsheet.database import SCHEMA
from local.smartsheet.samples.build import store_sample
from local.smartsheet.samples.proposals import proposals
from shared import functions
from shared.functions import operations
from shared.functions.openapi import openapi_document
from shared.functions.routes import ROUTES
from shared.settings import Settings
from shared.stores.cosmos.layout import ORDER_FIELDS

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
STORES = ROOT / "docs" / "stores.md"
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
TRIGGER_MODULES = [
    module
    for found in pkgutil.iter_modules(functions.__path__, "shared.functions.")
    if hasattr(module := importlib.import_module(found.name), "triggers")
]

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
CODE_WORD = re.compile(r"`([a-z]+(?:_[a-z]+)+)`")
SETTING = re.compile(r"`([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+|AzureWebJobsStorage)`")


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def prose(path: Path) -> str:
    return FENCE.sub("", path.read_text())


def table_rows(path: Path, first_heading: str) -> list[list[str]]:
    """The cells of all rows of the tables whose first heading is this one."""
    rows: list[list[str]] = []
    inside = False
    for line in prose(path).splitlines():
        if not line.startswith("|"):
            inside = False
            continue
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if cells[0] == first_heading:
            inside = True
        elif inside and not set(cells[0]) <= set("-: "):
            rows.append(cells)
    return rows


@cache
def anchors(path: Path) -> set[str]:
    """The anchors that GitHub gives to the headings."""
    titles = re.findall(r"^#+ (.+)$", prose(path), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@cache
def texts_in_the_application() -> set[str]:
    """Every string constant of `shared/`."""
    trees = [ast.parse(file.read_text()) for file in (ROOT / "shared").rglob("*.py")]
    nodes = (node for tree in trees for node in ast.walk(tree))
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


@cache
def words_in_the_code() -> set[str]:
    folders = (ROOT / "shared", ROOT / "local", ROOT / "tests")
    files = [ROOT / "function_app.py", *(file for folder in folders for file in folder.rglob("*.py"))]
    return {word for file in files for word in re.findall(r"\w+", file.read_text())}


@cache
def containers_in_the_code() -> dict[str, bool]:
    """The containers of the stores' collections and of the health probe; whether anything in them expires by itself."""
    found: dict[str, bool] = {}
    for file in sorted((ROOT / "shared" / "stores").rglob("*.py")):
        tree = ast.parse(file.read_text())
        constants = {
            target.id: node.value
            for node in tree.body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Collection":
                name = node.args[1]
                name = ast.literal_eval(constants[name.id] if isinstance(name, ast.Name) else name)
                expires = any(keyword.arg == "ttl_seconds" for keyword in node.keywords)
                found[name] = found.get(name, False) or expires
        if "_CHECK" in constants:
            found[ast.literal_eval(constants["_CHECK"])[0]] = True
    return found


@cache
def settings() -> set[str]:
    return {str(field.alias) for field in Settings.model_fields.values()}


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_every_relative_link_leads_somewhere(path: Path):
    lost: list[str] = []
    for target in LINK.findall(prose(path)):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        found = (path.parent / file).resolve() if file else path
        if not found.exists() or (anchor and anchor not in anchors(found)):
            lost.append(target)
    assert lost == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_every_make_target_is_in_the_makefile(path: Path):
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    text = path.read_text()
    named = set(re.findall(r"`make ([a-z]+)", text)) | set(re.findall(r"^make ([a-z]+)", text, re.MULTILINE))
    assert named - targets == set()


@pytest.mark.parametrize("name", ["README.md", "docs/troubleshooting.md", "docs/realtime.md", "docs/changes.md"])
def test_every_setting_that_is_named_exists(name: str):
    assert set(SETTING.findall((ROOT / name).read_text())) - settings() == set()


def test_the_readme_lists_every_setting_with_its_default():
    table = {cells[0].strip("`"): cells[1].strip("`") for cells in table_rows(README, "Setting")}
    assert set(table) == settings()
    for field in Settings.model_fields.values():
        if isinstance(field.default, str | int | float) and field.default != "":
            assert table[str(field.alias)] == str(field.default), field.alias


def test_the_example_of_local_settings_holds_every_setting():
    example = json.loads((ROOT / "local.settings.example.json").read_text())["Values"]
    assert set(example) - {"FUNCTIONS_WORKER_RUNTIME"} == settings()


def test_the_readme_lists_every_route():
    assert operations in TRIGGER_MODULES
    paths = openapi_document(ROUTES.values(), version="0")["paths"]
    routes = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    assert {cells[0].strip("`") for cells in table_rows(README, "Route")} == routes


@pytest.mark.parametrize("heading", ["Code", "Code in `error`"])
def test_every_code_in_a_table_of_codes_is_one_of_the_application(heading: str):
    codes = {
        code
        for path in DOCUMENTS
        for cells in table_rows(path, heading)
        for code in re.findall(r"`([a-z_]+)`", cells[0])
    }
    assert codes
    assert codes - texts_in_the_application() == set()


def test_every_code_that_the_edge_gives_a_status_of_its_own_has_that_status_in_the_documents():
    table = table_rows(ROOT / "docs" / "troubleshooting.md", "Code")
    told = {code: cells[1] for cells in table for code in re.findall(r"`([a-z_]+)`", cells[0])}
    expected = {"malformed_json": "400", "unsupported_media_type": "415", "body_too_large": "413"}
    assert {code: told[code] for code in expected} == expected


def test_the_table_of_containers_lists_those_that_the_stores_use_with_their_orders_and_lifetimes():
    table = {name: cells for cells in table_rows(STORES, "Container") for name in re.findall(r"`([a-z-]+)`", cells[0])}
    used = containers_in_the_code()
    assert set(table) == set(used)
    assert {name for name, expires in used.items() if expires and not table[name][3]} == set()
    assert set(re.findall(r"`(\w+)`", " ".join(cells[2] for cells in table.values()))) == set(ORDER_FIELDS)


def test_every_container_that_the_architecture_names_is_one_of_the_stores():
    rows = table_rows(ROOT / "docs" / "architecture.md", "Container")
    named = {name for cells in rows for name in re.findall(r"`([a-z-]+)`", cells[0])}
    assert len(named) > 10
    assert named - set(containers_in_the_code()) == set()


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_every_name_in_snake_case_is_in_the_code(path: Path):
    assert set(CODE_WORD.findall(prose(path))) - words_in_the_code() == set()


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_every_python_example_can_be_parsed(path: Path):
    for language, text in FENCE.findall(path.read_text()):
        if language == "python":
            ast.parse(text)


def test_the_sample_sheet_of_the_quick_start_is_in_the_sandbox():
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.executescript(SCHEMA)
    store_sample(connection, proposals())
    ((sheet_id,),) = connection.execute("SELECT id FROM sheets").fetchall()
    connection.close()
    quick_start = README.read_text()
    assert set(re.findall(r"\b\d{16}\b", quick_start)) == {str(sheet_id)}


def test_the_newest_version_of_the_changelog_is_the_products():
    versions = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    product = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert versions[0] == product == operations.API_VERSION
    assert f"**Version {product}**" in README.read_text()
