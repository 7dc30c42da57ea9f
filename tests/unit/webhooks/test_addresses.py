"""Where Smartsheet can call us."""

import pytest

from shared.webhooks.addresses import callback_url

SANDBOX, REAL = "http://127.0.0.1:7081/2.0", "https://api.smartsheet.com/2.0"


@pytest.mark.parametrize(
    "base", ["https://sheets.example", "https://sheets.example:8443", "https://sheets.example:8000", "https://8.8.8.8"]
)
@pytest.mark.parametrize("api_base", [SANDBOX, REAL])
def test_https_on_the_vendors_ports_can_be_called_by_everybody(base: str, api_base: str):
    assert callback_url(base, api_base) == f"{base}/api/webhooks/smartsheet"


@pytest.mark.parametrize("base", ["http://localhost:7071", "http://127.0.0.1:7071", "http://[::1]:7071"])
def test_this_machine_is_called_by_a_sandbox_on_it_and_by_nobody_else(base: str):
    assert callback_url(base, SANDBOX) == f"{base}/api/webhooks/smartsheet"
    assert callback_url(base, REAL) is None


@pytest.mark.parametrize(
    "base",
    ["http://sheets.example", "https://sheets.example:7071", "https://10.0.0.7", "https://192.168.1.5:8443"],
)
@pytest.mark.parametrize("api_base", [SANDBOX, REAL])
def test_what_smartsheet_would_not_call_is_no_address(base: str, api_base: str):
    assert callback_url(base, api_base) is None


def test_https_on_this_machine_is_not_reached_from_elsewhere():
    assert callback_url("https://localhost", REAL) is None
