"""A Web PubSub gateway on one machine: WebSocket clients, the data-plane REST API, upstream events.

It speaks the protocols of Azure Web PubSub closely enough for the official service and client SDKs.
State lives in memory: like the service, it forgets its connections when it stops.
"""

from local.webpubsub.access import ACCESS_KEY, connection_string

__all__ = ["ACCESS_KEY", "connection_string"]
