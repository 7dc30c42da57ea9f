"""The WebSocket endpoint: handshake, recovery, and the frames that clients send."""

import asyncio
import hmac
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from local.webpubsub import frames
from local.webpubsub.access import HUB_NAME, TokenRefused, path_segments, verified_claims
from local.webpubsub.client_socket import ClientSocket
from local.webpubsub.connection import Connection
from local.webpubsub.gateway import Gateway
from local.webpubsub.hubs import POLICY_VIOLATION, Hub
from local.webpubsub.payload import Payload, PayloadRefused
from local.webpubsub.upstream import ConnectRefused, UpstreamFailed

MESSAGE_TOO_BIG = 1009


class _Denied(Exception):
    """A handshake that ends with an HTTP answer instead of a WebSocket."""

    def __init__(self, status: int, body: str | bytes, content_type: str = "text/plain") -> None:
        super().__init__(f"denied with {status}")
        self.response = Response(body, status, media_type=content_type)


class Clients:
    """An ASGI application for WebSocket scopes: `/client/hubs/{hub}` and `/client/?hub=`."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one WebSocket from handshake to end."""
        websocket = WebSocket(scope, receive, send)
        hub_name = _hub_name(websocket)
        if hub_name is None:
            await websocket.send_denial_response(_Denied(404, "clients connect to /client/hubs/{hub}").response)
        elif "awps_connection_id" in websocket.query_params:
            await self._recover(websocket, receive, self._gateway.hub(hub_name))
        else:
            await self._connect(websocket, receive, hub_name)

    async def _connect(self, websocket: WebSocket, receive: Receive, hub_name: str) -> None:
        try:
            connection, groups = await self._admitted(websocket, hub_name)
        except _Denied as denied:
            return await websocket.send_denial_response(denied.response)
        hub = self._gateway.hub(hub_name)
        hub.add(connection, groups)
        try:
            await websocket.accept(subprotocol=connection.subprotocol)
        except (WebSocketDisconnect, OSError):
            return hub.remove(connection, "the client left during the handshake")
        self._gateway.upstream.notify(connection, "connected", {})
        return await self._run(websocket, receive, hub, connection)

    async def _admitted(self, websocket: WebSocket, hub_name: str) -> tuple[Connection, list[str]]:
        """The new connection and the groups it starts in, or `_Denied`."""
        offered: list[str] = websocket.scope["subprotocols"]
        protocol = next((p for p in offered if p in (frames.JSON_PROTOCOL, frames.RELIABLE_PROTOCOL)), None)
        refused = frames.UNSUPPORTED_PROTOCOLS.intersection(offered)
        if refused and protocol is None:
            text = f"subprotocol {', '.join(sorted(refused))} is not supported here; use {frames.JSON_PROTOCOL}"
            raise _Denied(400, text)
        try:
            claims = verified_claims(_token(websocket), raw_path=f"/client/hubs/{hub_name}", port=self._gateway.port)
        except TokenRefused as error:
            raise _Denied(401, str(error)) from None
        connection = Connection(hub_name, claims.get("sub"), _texts(claims.get("role")), self._gateway.limits)
        connection.subprotocol = protocol
        try:
            answer = await self._gateway.upstream.connect(connection, _connect_request(websocket, claims, offered))
        except ConnectRefused as refusal:
            raise _Denied(refusal.status, refusal.body, refusal.content_type) from None
        except UpstreamFailed as error:
            raise _Denied(500, str(error)) from None
        connection.user_id = answer.user_id or connection.user_id
        connection.roles.update(answer.roles)
        connection.subprotocol = answer.subprotocol or protocol
        if connection.subprotocol is not None and connection.subprotocol not in offered:
            raise _Denied(500, "the upstream chose a subprotocol that the client did not offer")
        return connection, [*_texts(claims.get("webpubsub.group")), *answer.groups]

    async def _recover(self, websocket: WebSocket, receive: Receive, hub: Hub) -> None:
        """Go on with a connection whose socket broke. The reconnection token alone opens it, as in the service."""
        offered: list[str] = websocket.scope["subprotocols"]
        connection = hub.find(websocket.query_params["awps_connection_id"])
        token = websocket.query_params.get("awps_reconnection_token", "")
        known = connection is not None and hmac.compare_digest(connection.reconnection_token.encode(), token.encode())
        reliable = frames.RELIABLE_PROTOCOL in offered
        try:
            await websocket.accept(subprotocol=frames.RELIABLE_PROTOCOL if reliable else None)
            if connection is None or not known or not reliable or not connection.is_reliable:
                return await websocket.close(POLICY_VIOLATION, "this connection cannot be recovered")
        except WebSocketDisconnect:
            return None
        return await self._run(websocket, receive, hub, connection)

    async def _run(self, websocket: WebSocket, receive: Receive, hub: Hub, connection: Connection) -> None:
        socket = ClientSocket(websocket, receive)
        writing = asyncio.create_task(socket.write())
        if hub.find(connection.id) is connection:
            connection.attach(socket)
        else:
            socket.close(POLICY_VIOLATION, "this connection has ended")
        try:
            end = await self._read(websocket, hub, connection, socket)
        finally:
            socket.close(1000)
            await writing
        if connection.socket is not socket:
            return  # recovered on another socket, or already removed
        # uvicorn names a reason (perhaps an empty one) only where a close frame was exchanged.
        if connection.is_reliable and "reason" not in end:
            hub.lost(connection)
        else:
            hub.remove(connection, end.get("reason") or "the client left")

    async def _read(
        self, websocket: WebSocket, hub: Hub, connection: Connection, socket: ClientSocket
    ) -> dict[str, Any]:
        """Serve frames one after another; the `websocket.disconnect` message that ended it."""
        while True:
            message = dict(await websocket.receive())
            if message["type"] == "websocket.disconnect":
                return message
            received = message.get("text")
            body = received.encode() if received is not None else message["bytes"]
            if len(body) > self._gateway.limits.message_bytes:
                socket.close(MESSAGE_TOO_BIG, f"a message may have {self._gateway.limits.message_bytes} bytes")
                continue
            async with connection.frame_lock:
                if connection.socket is not socket:
                    continue
                if connection.speaks_json:
                    await self._serve_text(hub, connection, received)
                else:
                    payload = Payload("binary", body) if received is None else Payload("text", received)
                    await self._call_upstream(hub, connection, "message", payload, ack_id=None)

    async def _serve_text(self, hub: Hub, connection: Connection, text: str | None) -> None:
        try:
            if text is None:
                raise frames.FrameRefused("frame: the JSON subprotocols have text frames only")
            await self._serve(hub, connection, frames.read_frame(text))
        except (frames.FrameRefused, PayloadRefused) as error:
            hub.close(connection, f"invalid message: {error}")

    async def _serve(self, hub: Hub, connection: Connection, frame: frames.ClientFrame) -> None:
        match frame:
            case frames.Ping():
                return _send(connection, frames.PONG_FRAME)
            case frames.SequenceAck():
                return connection.acknowledge(frame.sequence_id)
        if frame.ack_id is not None and connection.has_done(frame.ack_id):
            return _ack(connection, frame.ack_id, "Duplicate", f"ackId {frame.ack_id} has already been processed")
        match frame:
            case frames.UserEvent():
                payload = Payload.from_frame(frame.data_type, frame.data)
                await self._call_upstream(hub, connection, frame.event, payload, frame.ack_id)
            case frames.SendToGroup():
                _publish(hub, connection, frame)
            case frames.JoinGroup() | frames.LeaveGroup():
                _change_membership(hub, connection, frame)
        return None

    async def _call_upstream(
        self, hub: Hub, connection: Connection, event: str, payload: Payload, ack_id: int | None
    ) -> None:
        try:
            answer = await self._gateway.upstream.user_event(connection, event, payload)
        except UpstreamFailed as error:
            _ack(connection, ack_id, "InternalServerError", str(error))
            return hub.close(connection, str(error))
        _ack(connection, ack_id)
        if answer is not None:
            hub.deliver(frames.Message(answer, "server"), [connection])
        return None


def _publish(hub: Hub, connection: Connection, frame: frames.SendToGroup) -> None:
    payload = Payload.from_frame(frame.data_type, frame.data)
    if not connection.may("sendToGroup", frame.group):
        return _ack(connection, frame.ack_id, "Forbidden", f"no permission to send to group {frame.group}")
    message = frames.Message(payload, "group", frame.group, connection.user_id)
    _ack(connection, frame.ack_id)
    receivers = [member for member in hub.members(frame.group) if not (frame.no_echo and member is connection)]
    return hub.deliver(message, receivers)


def _change_membership(hub: Hub, connection: Connection, frame: frames.JoinGroup | frames.LeaveGroup) -> None:
    if not connection.may("joinLeaveGroup", frame.group):
        return _ack(connection, frame.ack_id, "Forbidden", f"no permission to join or leave group {frame.group}")
    if frame.type == "joinGroup":
        hub.join(connection, frame.group)
    else:
        hub.leave(connection, frame.group)
    return _ack(connection, frame.ack_id)


def _ack(
    connection: Connection, ack_id: int | None, error: frames.AckErrorName | None = None, message: str = ""
) -> None:
    if ack_id is None:
        return
    if error is None:
        connection.note_done(ack_id)
    _send(connection, frames.ack_frame(ack_id, error, message))


def _send(connection: Connection, frame: str) -> None:
    if connection.socket is not None:
        connection.socket.send(frame)


def _hub_name(websocket: WebSocket) -> str | None:
    raw_path: bytes = websocket.scope["raw_path"]
    match path_segments(raw_path.decode("ascii")):
        case ["client", "hubs", name]:
            pass
        case ["client"]:
            name = websocket.query_params.get("hub", "")
        case _:
            return None
    return name if HUB_NAME.fullmatch(name) else None


def _token(websocket: WebSocket) -> str | None:
    scheme, _, bearer = websocket.headers.get("authorization", "").partition(" ")
    return websocket.query_params.get("access_token") or (bearer if scheme.lower() == "bearer" else None)


def _texts(claim: Any) -> list[str]:
    """A claim that may be absent, one value or many."""
    if claim is None:
        return []
    return [str(value) for value in claim] if isinstance(claim, list) else [str(claim)]


def _connect_request(websocket: WebSocket, claims: dict[str, Any], offered: list[str]) -> dict[str, Any]:
    query = websocket.query_params
    return {
        "claims": {name: _texts(value) for name, value in claims.items()},
        "query": {name: query.getlist(name) for name in query if name != "access_token"},
        "headers": {name: websocket.headers.getlist(name) for name in websocket.headers if name != "authorization"},
        "subprotocols": offered,
        "clientCertificates": [],
    }
