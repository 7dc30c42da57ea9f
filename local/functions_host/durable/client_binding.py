"""The JSON that a durableClient binding carries: where the client finds this host."""

import json
from urllib.parse import quote

RPC_PATH = "/durabletask"
PUBLIC_PATH = "/runtime/webhooks/durabletask"
INSTANCE_ID = "INSTANCEID"
WAIT_QUERY = "timeout={timeoutInSeconds}&pollingInterval={intervalInSeconds}"


def management_urls(hub_name: str, base_url: str, instance_id: str, key: str) -> dict[str, str]:
    """The public URLs of one instance, with the key of the API in their query."""
    instance = f"{base_url.rstrip('/')}{PUBLIC_PATH}/instances/{instance_id}"
    query = f"taskHub={quote(hub_name)}&connection=Storage&code={quote(key)}"
    return {
        "id": instance_id,
        "statusQueryGetUri": f"{instance}?{query}",
        "sendEventPostUri": f"{instance}/raiseEvent/{{eventName}}?{query}",
        "terminatePostUri": f"{instance}/terminate?reason={{text}}&{query}",
        "purgeHistoryDeleteUri": f"{instance}?{query}",
        "suspendPostUri": f"{instance}/suspend?reason={{text}}&{query}",
        "resumePostUri": f"{instance}/resume?reason={{text}}&{query}",
    }


def client_binding(hub_name: str, base_url: str, key: str) -> str:
    """As the extension's `BindingHelper.DurableOrchestrationClientToString`, without what this host refuses."""
    base_url = base_url.rstrip("/")
    code = f"code={quote(key)}"
    create = f"{base_url}{PUBLIC_PATH}/orchestrators/{{functionName}}[/{{instanceId}}]"
    return json.dumps(
        {
            "taskHubName": hub_name,
            "creationUrls": {
                "createNewInstancePostUri": f"{create}?{code}",
                "createAndWaitOnNewInstancePostUri": f"{create}?{WAIT_QUERY}&{code}",
            },
            "managementUrls": management_urls(hub_name, base_url, INSTANCE_ID, key),
            "baseUrl": base_url + PUBLIC_PATH,
            "requiredQueryStringParameters": code,
            "rpcBaseUrl": f"{base_url}{RPC_PATH}/",
        }
    )
