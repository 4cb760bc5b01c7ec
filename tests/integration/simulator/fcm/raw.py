"""A client that breaks rules on purpose: HTTP/2 without a limit of its own, HTTP/1.1 by hand."""

import asyncio
import json
import ssl
from dataclasses import dataclass, field

from h2.config import H2Configuration
from h2.connection import ConnectionInputs, ConnectionState, H2Connection
from h2.events import ConnectionTerminated, Event, ResponseReceived, StreamReset
from h2.settings import SettingCodes

from tests.integration.simulator.fcm.running import PROJECT, Firebase


@dataclass
class Answers:
    """What came back on one connection: status by stream, and the GOAWAY if there was one."""

    statuses: dict[int, int] = field(default_factory=dict)
    resets: list[int] = field(default_factory=list)
    goaway: ConnectionTerminated | None = None
    limit: int = 0


async def open_stream(firebase: Firebase, alpn: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    trust: ssl.SSLContext = firebase.authority.client_context((alpn,))
    return await asyncio.open_connection("localhost", firebase.port, ssl=trust)


async def burst(firebase: Firebase, device: str, count: int) -> Answers:
    """So many sends at once on one connection, whatever the server's limit; until it closes or all are answered."""
    reader, writer = await open_stream(firebase, "h2")
    h2, answers = H2Connection(H2Configuration(client_side=True)), Answers()
    # A GOAWAY lets open streams finish (RFC 9113 section 6.8); stock h2 hangs up.
    going_away = (ConnectionState.CLIENT_OPEN, ConnectionInputs.RECV_GOAWAY)
    h2.state_machine._transitions = h2.state_machine._transitions | {going_away: (None, ConnectionState.CLIENT_OPEN)}
    h2.initiate_connection()
    body = json.dumps({"message": {"token": device}}).encode()
    while answers.limit == 0:  # learn the limit first
        writer.write(h2.data_to_send())
        _take(h2.receive_data(await reader.read(65536)), answers)
        answers.limit = h2.remote_settings[SettingCodes.MAX_CONCURRENT_STREAMS]
    del h2.remote_settings[SettingCodes.MAX_CONCURRENT_STREAMS]  # and forget it
    h2.remote_settings.acknowledge()
    for stream in range(1, 2 * count, 2):
        h2.send_headers(stream, _head(firebase))
        h2.send_data(stream, body, end_stream=True)
    writer.write(h2.data_to_send())
    while len(answers.statuses) + len(answers.resets) < count:
        data = await asyncio.wait_for(reader.read(65536), 5)
        if not data:
            break
        _take(h2.receive_data(data), answers)
        writer.write(h2.data_to_send())
    writer.close()
    return answers


def _head(firebase: Firebase) -> list[tuple[str, str]]:
    return [
        (":method", "POST"),
        (":scheme", "https"),
        (":path", f"/v1/projects/{PROJECT}/messages:send"),
        (":authority", "localhost"),
        ("authorization", f"Bearer {firebase.bearer}"),
    ]


def _take(events: list[Event], answers: Answers) -> None:
    for event in events:
        match event:
            case ResponseReceived():
                answers.statuses[event.stream_id] = int(dict(event.headers)[b":status"])
            case StreamReset():
                answers.resets.append(event.stream_id)
            case ConnectionTerminated():
                answers.goaway = event
            case _:
                pass
