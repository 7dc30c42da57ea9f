"""The official JavaScript client, which the web page's connection follows."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.local.webpubsub_gateway import Answer, RunningGateway, until

pytest_plugins = ["tests.local.webpubsub_fixtures"]

SCRIPT = Path(__file__).parent / "js" / "web_pubsub_client.mjs"


@pytest.mark.parametrize(("protocol", "connections"), [("json", 2), ("reliable", 1)])
def test_the_javascript_client_works_through_a_cut(gateway: RunningGateway, protocol: str, connections: int) -> None:
    node = shutil.which("node")
    assert node is not None
    gateway.upstream.answers["ask"] = Answer(200, b'{"answer":1}', {"Content-Type": "application/json"})
    roles = ["webpubsub.joinLeaveGroup.team/Grüße", "webpubsub.sendToGroup.team/Grüße"]
    command = [node, str(SCRIPT), gateway.client_url(user_id="ann", roles=roles), protocol, f"{gateway.url}/_control"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, result.stderr
    seen = json.loads(result.stdout)
    assert seen["group"] == [{"n": 1}, "text", [0, 255], "after the cut"]
    assert seen["server"] == [{"answer": 1}]
    assert seen["forbidden"] == "Forbidden"
    assert seen["stopped"]
    assert [connected["user"] for connected in seen["connected"]] == ["ann"] * connections
    assert len(gateway.upstream.of_event("connect")) == connections
    until(lambda: gateway.connections() == 0)
