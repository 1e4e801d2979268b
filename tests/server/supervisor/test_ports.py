"""The port that workers share: found free, kept, given back."""

from __future__ import annotations

import socket

import pytest

from fairpost.server.config import StartError
from fairpost.server.supervisor.ports import listening, reserve


def listener(port: int, *options: int, host: str = "127.0.0.1") -> socket.socket:
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    for option in options:
        made.setsockopt(socket.SOL_SOCKET, option, 1)
    try:
        made.bind((host, port))
        made.listen()
    except OSError:
        made.close()
        raise
    return made


def test_workers_listen_where_the_supervisor_holds_the_port() -> None:
    held, port = reserve("127.0.0.1", 0)
    # Nobody listens yet: nothing is accepted.
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=2)
    workers = [listener(port, socket.SO_REUSEPORT) for _ in range(2)]
    for _ in range(20):  # to a worker every time, never to the socket that is held
        with socket.create_connection(("127.0.0.1", port), timeout=2):
            pass
    # While workers are away the port is still ours.
    for worker in workers:
        worker.close()
    with pytest.raises(StartError, match=rf"127\.0\.0\.1:{port}: cannot be listened on; is the port in use\?"):
        reserve("127.0.0.1", port)
    with pytest.raises(OSError, match="Address already in use"):
        listener(port, socket.SO_REUSEADDR)
    for each in held:
        each.close()
    again, same = reserve("127.0.0.1", port)
    assert same == port
    for each in again:
        each.close()


@pytest.mark.parametrize("options", [(), (socket.SO_REUSEADDR,), (socket.SO_REUSEPORT,)])
def test_a_port_that_another_listens_on(options: tuple[int, ...]) -> None:
    """Also where that one would share it, as an older server of ours does."""
    with listener(0, *options) as other:
        port = other.getsockname()[1]
        with pytest.raises(StartError, match="is the port in use"):
            reserve("127.0.0.1", port)
        with pytest.raises(StartError, match=r"HTTP cannot be served there; is the port in use\? --http-port 0"):
            listening("127.0.0.1", port)


def test_a_port_with_connections_that_have_just_ended() -> None:
    """A server that has closed its connections leaves them in TIME_WAIT; the next one starts all the same."""
    for options in ((socket.SO_REUSEADDR,), (socket.SO_REUSEADDR, socket.SO_REUSEPORT)):
        with listener(0, *options) as server:
            port = server.getsockname()[1]
            caller = socket.create_connection(("127.0.0.1", port))
            accepted, _ = server.accept()
            accepted.close()  # first: TIME_WAIT is on this side
            assert caller.recv(1) == b""
            caller.close()
        held, _ = reserve("127.0.0.1", port)
        with listener(port, socket.SO_REUSEADDR, socket.SO_REUSEPORT):
            pass
        for each in held:
            each.close()


def test_a_name_with_several_addresses() -> None:
    found = {address[4][0] for address in socket.getaddrinfo("localhost", 0, type=socket.SOCK_STREAM)}
    held, port = reserve("localhost", 0)
    assert {each.getsockname()[0] for each in held} == found
    assert {each.getsockname()[1] for each in held} == {port}
    for each in held:
        each.close()


def test_an_address_that_is_not_ours() -> None:
    with pytest.raises(StartError, match=r"192\.0\.2\.1:0: cannot be listened on: Cannot assign requested address"):
        reserve("192.0.2.1", 0)
    with pytest.raises(StartError, match=r"192\.0\.2\.1:0: HTTP cannot be served there: Cannot assign"):
        listening("192.0.2.1", 0)


def test_http_waits_in_the_socket() -> None:
    with listening("127.0.0.1", 0) as made, socket.create_connection(made.getsockname(), timeout=2) as caller:
        accepted, _ = made.accept()
        accepted.close()
        assert caller.recv(1) == b""
