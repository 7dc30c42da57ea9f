"""The frames of the JSON subprotocols."""

import json
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel

from local.webpubsub.payload import DataType, Payload

JSON_PROTOCOL = "json.webpubsub.azure.v1"
RELIABLE_PROTOCOL = "json.reliable.webpubsub.azure.v1"
UNSUPPORTED_PROTOCOLS = frozenset({"protobuf.webpubsub.azure.v1", "protobuf.reliable.webpubsub.azure.v1"})

AckErrorName = Literal["Forbidden", "Duplicate", "InternalServerError"]


class FrameRefused(ValueError):
    """A frame that breaks the subprotocol; the service ends such a connection."""


class _ClientFrame(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, frozen=True)


class _Acknowledged(_ClientFrame):
    ack_id: int | None = Field(default=None, ge=0)


class JoinGroup(_Acknowledged):
    """Become a member of a group; needs the role `webpubsub.joinLeaveGroup[.<group>]`."""

    type: Literal["joinGroup"]
    group: str = Field(min_length=1, max_length=1024)


class LeaveGroup(_Acknowledged):
    """Leave a group; needs the same role as joining."""

    type: Literal["leaveGroup"]
    group: str = Field(min_length=1, max_length=1024)


class SendToGroup(_Acknowledged):
    """Publish to a group; needs the role `webpubsub.sendToGroup[.<group>]`."""

    type: Literal["sendToGroup"]
    group: str = Field(min_length=1, max_length=1024)
    no_echo: bool = False
    data_type: DataType = "json"
    data: Any


class UserEvent(_Acknowledged):
    """Call the upstream."""

    type: Literal["event"]
    event: str = Field(min_length=1, max_length=128)
    data_type: DataType = "json"
    data: Any = None


class Ping(_ClientFrame):
    """Answered with a pong."""

    type: Literal["ping"]


class SequenceAck(_ClientFrame):
    """Everything up to `sequence_id` has arrived (reliable subprotocol)."""

    type: Literal["sequenceAck"]
    sequence_id: int = Field(ge=0)


ClientFrame = JoinGroup | LeaveGroup | SendToGroup | UserEvent | Ping | SequenceAck
_CLIENT_FRAME: TypeAdapter[ClientFrame] = TypeAdapter(Annotated[ClientFrame, Field(discriminator="type")])


def read_frame(text: str) -> ClientFrame:
    """Parse what a client sent. Raises `FrameRefused` with the member and what is wrong with it."""
    try:
        return _CLIENT_FRAME.validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "frame"
        raise FrameRefused(f"{where}: {first['msg']}") from None


@dataclass(frozen=True)
class Message:
    """One message on its way to any number of connections."""

    payload: Payload
    origin: Literal["group", "server"]
    group: str | None = None
    from_user_id: str | None = None
    ttl_seconds: int = 0
    """How long a cut-off client may still get it after recovery; 0 is as long as it is kept."""

    @cached_property
    def frame(self) -> str:
        """As the plain JSON subprotocol sends it; built once however many receive it."""
        members: dict[str, Any] = {"type": "message", "from": self.origin}
        if self.group is not None:
            members["group"] = self.group
        if self.from_user_id is not None:
            members["fromUserId"] = self.from_user_id
        return _json({**members, **self.payload.members()})

    def numbered_frame(self, sequence_id: int) -> str:
        """As the reliable subprotocol sends it."""
        return f'{{"sequenceId":{sequence_id},{self.frame[1:]}'


def connected_frame(connection_id: str, user_id: str | None, reconnection_token: str | None) -> str:
    """The first frame of a connection; the token comes with the reliable subprotocol only."""
    members: dict[str, Any] = {"type": "system", "event": "connected", "userId": user_id, "connectionId": connection_id}
    if reconnection_token is not None:
        members["reconnectionToken"] = reconnection_token
    return _json(members)


def disconnected_frame(reason: str) -> str:
    """Sent before the service closes a connection."""
    return _json({"type": "system", "event": "disconnected", "message": reason})


def ack_frame(ack_id: int, error: AckErrorName | None = None, message: str = "") -> str:
    """How a request with an `ackId` went."""
    members: dict[str, Any] = {"type": "ack", "ackId": ack_id, "success": error is None}
    if error is not None:
        members["error"] = {"name": error, "message": message}
    return _json(members)


PONG_FRAME = '{"type":"pong"}'


def _json(members: dict[str, Any]) -> str:
    return json.dumps(members, ensure_ascii=False, separators=(",", ":"))
