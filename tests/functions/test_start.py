"""Starting the app: wrong settings stop it with a list of them, right ones let it serve."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from shared.settings import Settings
from tests.functions.environment import REQUIRED, SECRETS

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def app_dir(tmp_path: Path) -> Path:
    """The app without a developer's own `local.settings.json`."""
    directory = tmp_path / "app"
    directory.mkdir()
    for name in ("function_app.py", "host.json"):
        shutil.copy(ROOT / name, directory)
    return directory


def run(*command: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run Python with exactly these settings."""
    names = {field.alias for field in Settings.model_fields.values()}
    environment = {name: value for name, value in os.environ.items() if name not in names}
    return subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env={**environment, **settings},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def start_host(app_dir: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    data_dir = app_dir.parent / "data"
    options = ("--port", "0", "--data-dir", str(data_dir), "--app-dir", str(app_dir))
    return run("-m", "local.functions_host", *options, **settings)


def test_the_host_names_every_missing_setting_and_ends(app_dir: Path):
    host = start_host(app_dir)
    assert (host.returncode, host.stdout) == (1, "")
    assert "Traceback" not in host.stderr
    for name in REQUIRED:
        assert f"  - {name}: is missing\n" in host.stderr


def test_the_host_names_wrong_settings_without_their_values(app_dir: Path):
    wrong = {**REQUIRED, "AUTH_MODE": "several", "AZURE_OPENAI_CONCURRENCY": "several"}
    host = start_host(app_dir, **wrong)
    assert host.returncode == 1
    assert "  - AUTH_MODE: Input should be 'single' or 'token'" in host.stderr
    assert "  - AZURE_OPENAI_CONCURRENCY: " in host.stderr
    assert not any(secret in host.stderr for secret in (*SECRETS, "several"))


def test_importing_the_app_opens_nothing_and_keeps_sdks_quiet(tmp_path: Path):
    database = tmp_path / "app" / "chatsheet.db"
    script = (
        "import logging, sys, function_app\n"
        "print(logging.getLogger('httpx2.any').getEffectiveLevel() == logging.WARNING)\n"
        "slow = {'openai', 'openpyxl', 'azure.storage.queue', 'azure.messaging.webpubsubservice'}\n"
        "print(sorted(slow & set(sys.modules)))\n"
    )
    done = run("-c", script, **{**REQUIRED, "DATABASE_URL": f"sqlite:///{database}"})
    assert (done.returncode, done.stdout.split()) == (0, ["True", "[]"]), done.stderr
    assert not database.parent.exists()
