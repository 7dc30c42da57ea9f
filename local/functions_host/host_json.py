"""`host.json`: what it may say, and what this host takes from it.

Key names: https://json.schemastore.org/host.json and the options classes of the real host and its extensions.
Keys without an effect on one machine (sampling, leases, scale) are accepted; unknown keys are refused by name.
"""

import json
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic.alias_generators import to_camel

from local.functions_host.start_error import StartError
from local.functions_host.time_span import TimeSpan

FILE_NAME = "host.json"
UNBOUNDED = -1
NO_TIMEOUT = timedelta(days=-1)
MIN_FUNCTION_TIMEOUT = timedelta(seconds=1)
MIN_POLLING_INTERVAL = timedelta(milliseconds=100)
LogLevel = Literal["Trace", "Debug", "Information", "Warning", "Error", "Critical", "None"]
Limit = Annotated[int, Field(ge=1)] | Literal[-1]


class Section(BaseModel):
    """A part of host.json: camelCase keys, nothing unknown."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True)


class Hsts(Section):
    """Only effective over HTTPS, so never here."""

    is_enabled: bool = False
    excluded_hosts: list[str] = []
    include_sub_domains: bool = False
    max_age: str = ""
    preload: bool = False


class HttpOptions(Section):
    """`extensions.http`; -1 is unbounded."""

    route_prefix: str = "api"
    max_concurrent_requests: Limit = UNBOUNDED
    max_outstanding_requests: Limit = UNBOUNDED
    dynamic_throttles_enabled: bool = False
    enable_chunked_request_binding: bool = False
    hsts: Hsts = Hsts()
    custom_headers: dict[str, str] = {}

    @field_validator("route_prefix")
    @classmethod
    def _without_slashes(cls, prefix: str) -> str:
        return prefix.strip("/")


class QueueOptions(Section):
    """`extensions.queues`.

    `max_polling_interval`: the real default is one minute; half a second suits one machine.
    `new_batch_threshold`: the real default where one CPU is counted (Consumption, Flex Consumption).
    """

    batch_size: int = Field(default=16, ge=1, le=32)
    max_dequeue_count: int = Field(default=5, ge=1)
    max_polling_interval: TimeSpan = timedelta(milliseconds=500)
    message_encoding: Literal["base64", "none"] = "base64"
    new_batch_threshold: int | None = Field(default=None, ge=0)
    visibility_timeout: TimeSpan = timedelta(0)

    @field_validator("max_polling_interval")
    @classmethod
    def _not_too_often(cls, interval: timedelta) -> timedelta:
        if interval < MIN_POLLING_INTERVAL:
            raise ValueError("must not be less than 00:00:00.100")
        return interval

    @property
    def threshold(self) -> int:
        """A new batch is fetched when this many messages, or fewer, are in work."""
        return self.batch_size // 2 if self.new_batch_threshold is None else self.new_batch_threshold


class DurableStorage(Section):
    """`extensions.durableTask.storageProvider`: where Azure keeps the task hub; here it is SQLite."""

    type: Literal["AzureStorage", "azureManaged", "azurestorage", "mssql", "netherite"] = "AzureStorage"
    connection_name: str | None = None
    connection_string_name: str | None = None
    control_queue_batch_size: int = 32
    control_queue_buffer_threshold: int = 256
    control_queue_visibility_timeout: TimeSpan = timedelta(minutes=5)
    fetch_large_messages_automatically: bool = True
    max_queue_polling_interval: TimeSpan = timedelta(seconds=30)
    partition_count: int = Field(default=4, ge=1, le=16)
    tracking_store_connection_name: str | None = None
    tracking_store_connection_string_name: str | None = None
    tracking_store_name_prefix: str | None = None
    use_legacy_partition_management: bool = False
    use_table_partition_management: bool = True
    work_item_queue_visibility_timeout: TimeSpan = timedelta(minutes=5)


class DurableTracing(Section):
    """`extensions.durableTask.tracing`."""

    trace_inputs_and_outputs: bool = False
    trace_replay_events: bool = False
    distributed_tracing_enabled: bool = False
    distributed_tracing_protocol: str | None = None
    version: Literal["None", "V1", "V2"] = "V2"


class DurableTaskOptions(Section):
    """`extensions.durableTask`."""

    hub_name: str | None = None
    storage_provider: DurableStorage = DurableStorage()
    tracing: DurableTracing = DurableTracing()
    notifications: dict[str, Any] = {}
    default_version: str | None = None
    version_match_strategy: str | None = None
    version_failure_strategy: str | None = None
    max_concurrent_activity_functions: int | None = Field(default=None, ge=1)
    max_concurrent_orchestrator_functions: int | None = Field(default=None, ge=1)
    max_concurrent_entity_functions: int | None = Field(default=None, ge=1)
    max_orchestration_actions: int | None = Field(default=None, ge=1)
    max_entity_operation_batch_size: int | None = Field(default=None, ge=1)
    max_grpc_message_size_in_bytes: int | None = Field(default=None, ge=1)
    grpc_http_client_timeout: TimeSpan | None = None
    local_rpc_endpoint_enabled: bool | None = None
    overridable_existing_instance_states: str | None = None
    store_inputs_in_orchestration_history: bool = False
    extended_sessions_enabled: bool = False
    extended_session_idle_timeout_in_seconds: int = 30
    entity_message_reorder_window_in_minutes: int = 30
    rollback_entity_operations_on_exceptions: bool = True
    use_app_lease: bool = True
    app_lease_options: dict[str, Any] = {}
    use_graceful_shutdown: bool = False
    use_table_partition_management: bool = False
    http_settings: dict[str, Any] = {}


class Extensions(Section):
    """`extensions`. Of extensions whose triggers this host does not run, the name alone is checked."""

    http: HttpOptions = HttpOptions()
    queues: QueueOptions = QueueOptions()
    durable_task: DurableTaskOptions = DurableTaskOptions()
    blobs: dict[str, Any] = {}
    connector: dict[str, Any] = {}
    cosmos_db: dict[str, Any] = Field(default={}, alias="cosmosDB")
    event_hubs: dict[str, Any] = {}
    mcp: dict[str, Any] = {}
    send_grid: dict[str, Any] = {}
    service_bus: dict[str, Any] = {}


class Logging(Section):
    """`logging`; `log_level` is by category, with `default` for the rest."""

    log_level: dict[str, LogLevel] = {}
    application_insights: dict[str, Any] = {}
    console: dict[str, Any] = {}
    file_logging_mode: Literal["never", "always", "debugOnly"] = "debugOnly"


class Aggregator(Section):
    """`aggregator`: metrics of Application Insights."""

    batch_size: int = 1000
    flush_timeout: TimeSpan = timedelta(seconds=30)


class Concurrency(Section):
    """`concurrency`: how Azure adapts concurrency to load."""

    dynamic_concurrency_enabled: bool = False
    snapshot_persistence_enabled: bool = True


class ExtensionBundle(Section):
    """`extensionBundle`: which bindings Azure installs."""

    id: str
    version: str


class HealthMonitor(Section):
    """`healthMonitor`: counters of the Azure sandbox."""

    enabled: bool = True
    health_check_interval: TimeSpan = timedelta(seconds=10)
    health_check_window: TimeSpan = timedelta(minutes=2)
    health_check_threshold: int = 6
    counter_threshold: float = 0.8


class Singleton(Section):
    """`singleton`: leases between instances."""

    lock_period: TimeSpan = timedelta(seconds=15)
    listener_lock_period: TimeSpan = timedelta(minutes=1)
    listener_lock_recovery_polling_interval: TimeSpan = timedelta(minutes=1)
    lock_acquisition_timeout: TimeSpan = timedelta(minutes=1)
    lock_acquisition_polling_interval: TimeSpan = timedelta(seconds=5)


class HostJson(Section):
    """The whole file. `functions` names the only functions to run; empty runs all."""

    version: Literal["2.0"]
    function_timeout: TimeSpan | None = None
    functions: list[str] = []
    extensions: Extensions = Extensions()
    logging: Logging = Logging()
    aggregator: Aggregator = Aggregator()
    concurrency: Concurrency = Concurrency()
    configuration_profile: str | None = None
    extension_bundle: ExtensionBundle | None = None
    health_monitor: HealthMonitor = HealthMonitor()
    language_worker: dict[str, Any] = {}
    metadata_provider_timeout: TimeSpan | None = None
    send_canceled_invocations_to_worker: bool = True
    singleton: Singleton = Singleton()
    telemetry_mode: Literal["OpenTelemetry", "ApplicationInsights"] = "ApplicationInsights"
    watch_directories: list[str] = []
    watch_files: list[str] = []

    @field_validator("function_timeout")
    @classmethod
    def _timeout_in_bounds(cls, timeout: timedelta | None) -> timedelta | None:
        if timeout is not None and timeout != NO_TIMEOUT and timeout < MIN_FUNCTION_TIMEOUT:
            raise ValueError("must be at least 00:00:01, or -1 for none")
        return timeout

    @property
    def function_timeout_seconds(self) -> float | None:
        """None is no limit; 30 minutes is the default of Flex Consumption."""
        timeout = timedelta(minutes=30) if self.function_timeout is None else self.function_timeout
        return None if timeout == NO_TIMEOUT else timeout.total_seconds()


NOT_RUN_HERE = {
    "retry": "retry policies are not run by this host",
    "customHandler": "this host runs Python functions in process",
    "managedDependency": "is for PowerShell apps",
}


def load_host_json(app_dir: Path) -> HostJson:
    """Read `host.json`. Raises StartError that names every wrong key."""
    path = app_dir / FILE_NAME
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise StartError([f"{FILE_NAME} is missing in {app_dir.resolve()}"]) from None
    except ValueError as error:
        raise StartError([f"{FILE_NAME}: not valid JSON: {error}"]) from None
    try:
        return HostJson.model_validate(content)
    except ValidationError as error:
        raise StartError([_problem(each["loc"], each["type"], each["msg"]) for each in error.errors()]) from None


def _problem(location: tuple[int | str, ...], kind: str, message: str) -> str:
    key = ".".join(map(str, location))
    if kind == "extra_forbidden":
        message = NOT_RUN_HERE.get(key, "is not a key of host.json")
    return f"{FILE_NAME}: {key}: {message.removeprefix('Value error, ')}"
