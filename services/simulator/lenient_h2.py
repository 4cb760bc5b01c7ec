"""python-hyper's h2 as a server that ends no connection on its own where RFC 9113 would let it live."""

from __future__ import annotations

from h2.config import H2Configuration
from h2.connection import ConnectionInputs, ConnectionState, H2Connection, H2ConnectionStateMachine
from h2.settings import SettingCodes, Settings

PURGE_EVERY = 128  # streams; h2 forgets closed ones only when it is asked to count them


class _Machine(H2ConnectionStateMachine):
    """A client's GOAWAY leaves its open streams alive (RFC 9113 section 6.8); stock h2 calls the connection closed."""

    _transitions = {  # noqa: RUF012  h2 declares it so
        **H2ConnectionStateMachine._transitions,  # noqa: SLF001  h2 has no public way to keep a connection alive
        (ConnectionState.SERVER_OPEN, ConnectionInputs.RECV_GOAWAY): (None, ConnectionState.SERVER_OPEN),
    }


class LenientH2(H2Connection):
    """h2 without its own answer to a stream too many (a GOAWAY for everybody): the limit is the handler's business."""

    def __init__(self, settings: dict[SettingCodes, int]) -> None:
        super().__init__(
            H2Configuration(client_side=False, validate_outbound_headers=False, normalize_outbound_headers=False)
        )
        self.state_machine = _Machine()
        self.local_settings = Settings(client=False, initial_values=settings)
        self.max_inbound_frame_size = self.local_settings.max_frame_size
        widest = self.local_settings.max_header_list_size
        self.decoder.max_header_list_size = widest or self.DEFAULT_MAX_HEADER_LIST_SIZE
        self._counted = 0

    @property
    def open_inbound_streams(self) -> int:
        """Always zero; the real count purges what is closed, so it is taken now and then."""
        self._counted += 1
        if self._counted % PURGE_EVERY == 0:
            self._open_streams(1)
        return 0
