"""The installer writes where the ledger is in one line, whatever kind of store it is."""

import pytest

from callgate.ledger.address import Endpoint, StoreAddress, StoreKind, holds_password, is_loopback, read_address


@pytest.mark.parametrize("url", ["unix:///run/redis.sock", "redis://:secret@host:6379/0", "rediss://gate@host?db=1"])
def test_one_server_is_named_as_ever(url: str) -> None:
    assert read_address(url) == StoreAddress(kind=StoreKind.ONE, url=url)


@pytest.mark.parametrize(
    ("url", "kind", "seeds", "name", "of_a_node"),
    [
        (
            "redis+cluster://a:7000,b:7001",
            StoreKind.CLUSTER,
            (Endpoint("a", 7000), Endpoint("b", 7001)),
            "",
            "redis://node:1",
        ),
        (
            "rediss+cluster://gate:se%40cret@a,[::1]:7001/?ssl_check_hostname=no",
            StoreKind.CLUSTER,
            (Endpoint("a", 6379), Endpoint("::1", 7001)),
            "",
            "rediss://gate:se%40cret@node:1?ssl_check_hostname=no",
        ),
        (
            "redis+sentinel://:secret@a,[::1],c:5/clinics?db=3",
            StoreKind.SENTINEL,
            (Endpoint("a", 26379), Endpoint("::1", 26379), Endpoint("c", 5)),
            "clinics",
            "redis://:secret@node:1?db=3",
        ),
    ],
)
def test_a_cluster_and_sentinels_are_named_by_some_of_them(
    *, url: str, kind: StoreKind, seeds: tuple[Endpoint, ...], name: str, of_a_node: str
) -> None:
    address = read_address(url)
    assert (address.kind, address.seeds, address.name) == (kind, seeds, name)
    assert address.url_of(Endpoint("node", 1)) == of_a_node


@pytest.mark.parametrize(
    ("query", "of_a_sentinel", "of_a_node"),
    [
        ("", "redis://node:1", "redis://gate:secret@node:1"),
        ("?sentinel_auth=yes", "redis://gate:secret@node:1?", "redis://gate:secret@node:1?"),
        ("?sentinel_auth=yes&db=3", "redis://gate:secret@node:1?db=3", "redis://gate:secret@node:1?db=3"),
        ("?db=3&sentinel_auth=yes", "redis://gate:secret@node:1?db=3&", "redis://gate:secret@node:1?db=3&"),
    ],
)
def test_sentinels_learn_a_password_only_if_they_are_to(*, query: str, of_a_sentinel: str, of_a_node: str) -> None:
    """Most have none, and refuse whoever brings one."""
    address, endpoint = read_address(f"redis+sentinel://gate:secret@a/clinics{query}"), Endpoint("node", 1)
    assert (address.sentinel_url_of(endpoint), address.url_of(endpoint)) == (of_a_sentinel, of_a_node)


@pytest.mark.parametrize("url", ["redis://:secret@host", "redis+cluster://:secret@host"])
def test_an_address_that_is_printed_shows_no_password(url: str) -> None:
    assert "secret" not in repr(read_address(url))


def test_an_endpoint_is_written_as_people_write_it() -> None:
    assert [str(Endpoint("host", 1)), str(Endpoint("::1", 2))] == ["host:1", "[::1]:2"]


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://secret@host", "begin it with"),
        ("unix+cluster:///secret", "begin it with"),
        ("redis+swarm://secret@host", "begin it with"),
        ("redis+cluster://:secret@host:7000/1", "one database"),
        ("redis+sentinel://:secret@host", "name the primary"),
        ("redis+cluster://:secret@", "host:port"),
        ("redis+cluster://:secret@host:7000,", "host:port"),
        ("redis+cluster://:secret@host:port", "host:port"),
        ("redis+cluster://:secret@host:0", "host:port"),
        ("redis+cluster://:secret@host:65536", "host:port"),
    ],
)
def test_an_address_of_another_kind_is_refused_without_saying_its_password(url: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem) as refused:
        read_address(url)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "is_held"),
    [
        ("redis://host:6379/0", False),
        ("redis://callgate@host:6379/0?db=1", False),
        ("rediss+cluster://callgate@a:7000,[::1]:7001/?ssl_check_hostname=no", False),
        ("redis+sentinel://a:1,b:2/name?sentinel_auth=yes", False),
        ("unix:///run/a:b@c/redis.sock", False),
        ("redis://host?password=", False),
        ("redis://:secret@host", True),
        ("redis+cluster://callgate:secret@a:7000,b:7001", True),
        ("unix://callgate:secret@/run/redis.sock", True),
        ("redis://callgate:se@cr:et@host", True),
        ("redis://host?db=1&p%61ssword=secret", True),
        ("rediss://host?ssl_password=secret", True),
    ],
)
def test_a_password_in_an_address_is_seen(*, url: str, is_held: bool) -> None:
    assert holds_password(url) == is_held


@pytest.mark.parametrize(
    ("host", "is_own"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.255.0.1", True),
        ("::1", True),
        ("128.0.0.1", False),
        ("0.0.0.0", False),
        ("::2", False),
        ("redis", False),
        ("localhost.example", False),
        ("", False),
    ],
)
def test_no_network_is_between_this_machine_and_its_loopback(*, host: str, is_own: bool) -> None:
    assert is_loopback(host) == is_own
