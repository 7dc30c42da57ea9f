"""host.json and app settings: what is accepted, what is refused, and how it is named."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from local.functions_host.app_settings import AppSettings, load_app_settings
from local.functions_host.host_json import load_host_json
from local.functions_host.start_error import StartError

WriteFiles = Callable[..., Path]


@pytest.fixture
def app_dir_with(tmp_path: Path) -> WriteFiles:
    def write(host_json: str = "", settings: str = "") -> Path:
        for name, content in (("host.json", host_json), ("local.settings.json", settings)):
            if content:
                (tmp_path / name).write_text(content)
        return tmp_path

    return write


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ('{"version": "1.0"}', "version: Input should be '2.0'"),
        ('{"version": "2.0", "queues": {}}', "queues: is not a key of host.json"),
        ('{"version": "2.0", "extensions": {"queues": {"bachSize": 1}}}', "extensions.queues.bachSize: is not a key"),
        ('{"version": "2.0", "extensions": {"queues": {"batchSize": 33}}}', "extensions.queues.batchSize"),
        ('{"version": "2.0", "extensions": {"queues": {"maxPollingInterval": "00:00:00.05"}}}', "must not be less"),
        ('{"version": "2.0", "extensions": {"durableTask": {"hubname": "x"}}}', "extensions.durableTask.hubname"),
        ('{"version": "2.0", "functionTimeout": "5 minutes"}', "is not a duration; write hh:mm:ss"),
        ('{"version": "2.0", "functionTimeout": "00:00:00"}', "must be at least 00:00:01"),
        ('{"version": "2.0", "retry": {"maxRetryCount": 3}}', "retry policies are not run by this host"),
        ("{", "not valid JSON"),
    ],
)
def test_a_wrong_host_json_is_refused_by_the_name_of_the_key(
    app_dir_with: WriteFiles, content: str, problem: str
) -> None:
    with pytest.raises(StartError) as error:
        load_host_json(app_dir_with(host_json=content))
    assert any(problem in each for each in error.value.problems), error.value.problems


def test_a_full_host_json_is_accepted(app_dir_with: WriteFiles) -> None:
    content = {
        "version": "2.0",
        "functionTimeout": "-1",
        "telemetryMode": "OpenTelemetry",
        "logging": {"logLevel": {"default": "Warning", "Function": "Information"}, "applicationInsights": {}},
        "extensionBundle": {"id": "Microsoft.Azure.Functions.ExtensionBundle", "version": "[4.*, 5.0.0)"},
        "healthMonitor": {"enabled": True},
        "concurrency": {"dynamicConcurrencyEnabled": False},
        "extensions": {
            "http": {"routePrefix": "api", "maxOutstandingRequests": 200, "maxConcurrentRequests": 100},
            "queues": {"messageEncoding": "none", "visibilityTimeout": "00:00:30", "maxPollingInterval": "00:00:02"},
            "durableTask": {
                "hubName": "%TASKHUB_NAME%",
                "maxConcurrentActivityFunctions": 20,
                "tracing": {"distributedTracingEnabled": True, "version": "V2"},
                "storageProvider": {"type": "azureManaged", "connectionStringName": "DURABLE"},
            },
        },
    }
    host_json = load_host_json(app_dir_with(host_json=json.dumps(content)))
    assert host_json.function_timeout_seconds is None
    assert host_json.extensions.queues.visibility_timeout.total_seconds() == 30


def test_settings_of_the_environment_win_over_the_file(app_dir_with: WriteFiles) -> None:
    app_dir = app_dir_with(settings='{"IsEncrypted": false, "Values": {"A": "file", "B": "file"}}')
    environment = {"A": "environment"}
    load_app_settings(app_dir, environment)
    assert environment == {"A": "environment", "B": "file"}


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ('{"IsEncrypted": true, "Values": {}}', "IsEncrypted must be false"),
        ('{"Values": {"PORT": 1}}', "Values.PORT must be a string"),
        ('{"Values": {"FUNCTIONS_WORKER_RUNTIME": "node"}}', "it must be 'python'"),
    ],
)
def test_wrong_local_settings_are_refused(app_dir_with: WriteFiles, content: str, problem: str) -> None:
    with pytest.raises(StartError, match=problem):
        load_app_settings(app_dir_with(settings=content), {})


def test_a_connection_is_looked_up_with_and_without_its_prefix() -> None:
    full = "AccountName=a;AccountKey=b"
    settings = AppSettings(
        {
            "AzureWebJobsOrders": full,
            "Plain": full,
            "Dev": "UseDevelopmentStorage=true",
            "Half": "AccountKey=b",
            "Id__accountName": "x",
        }
    )
    assert settings.connection_string("Orders") == settings.connection_string("Plain") == full
    assert settings.connection_string("Dev") == "UseDevelopmentStorage=true"
    with pytest.raises(ValueError, match="full storage connection string"):
        settings.connection_string("Half")
    with pytest.raises(ValueError, match="identity-based connection"):
        settings.connection_string("Id")


def test_a_setting_that_must_be_a_number_is_checked() -> None:
    with pytest.raises(StartError, match="LIMIT must be a whole number from 1, not 'many'"):
        AppSettings({"LIMIT": "many"}).positive_integer("LIMIT", 1)
