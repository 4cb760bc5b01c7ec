"""Ports are chosen long before their servers listen; still no two are given the same."""

import pytest

from services.cli.local import ports


def test_no_port_is_given_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "RANGE", range(20_000, 20_040))
    monkeypatch.setattr(ports, "_taken", set())
    monkeypatch.setattr(ports, "is_free", lambda port: port % 2 == 0)
    given = [ports.free_port() for _ in range(10)] + list(ports.free_ports(10))
    assert sorted(given) == list(range(20_000, 20_040, 2))
    with pytest.raises(OSError, match="no 1 free ports"):
        ports.free_port()
