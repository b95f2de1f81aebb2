import socket

from sandbox.node.port import Ports


def test_ports_differ_and_come_back() -> None:
    ports = Ports()
    taken = {ports.claim() for _ in range(20)}
    assert len(taken) == 20
    one = taken.pop()
    assert ports.claim(one) == one


def test_a_port_on_which_somebody_listens_is_replaced() -> None:
    ports = Ports()
    wish = ports.claim()
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", wish))
        other.listen()
        assert ports.claim(wish) != wish
