"""SIP messages, digest and session descriptions of the lab, against the examples of the RFCs."""

import pytest

import sdp
from sip_digest import Credentials, authorization
from sip_message import (
    MalformedMessageError,
    Request,
    Response,
    answer,
    host_port_of,
    parse,
    tag_of,
    uri_of,
    user_of,
)

INVITE = (
    b"INVITE sip:%2B33142685300@carrier SIP/2.0\r\n"
    b"v: SIP/2.0/UDP pbx;branch=z9hG4bK1\r\n"
    b'f: "Poste 101" <sip:101@pbx>;tag=a\r\n'
    b"t: <sip:0142685300@carrier>\r\n"
    b"i: c1\r\n"
    b"CSeq: 7 INVITE\r\n"
    b"Subject: a line\r\n  that goes on\r\n"
    b"\r\nv=0\r\n"
)
LINE, *REST = INVITE.split(b"\r\n")


def test_an_invite_is_read_through_compact_and_folded_headers() -> None:
    message = parse(INVITE)
    assert isinstance(message, Request)
    assert (message.method, message.uri, message.body) == ("INVITE", "sip:%2B33142685300@carrier", b"v=0\r\n")
    assert message.get("From") == '"Poste 101" <sip:101@pbx>;tag=a'
    assert message.get("subject") == "a line that goes on"
    assert message.get("Privacy") == ""


def test_what_is_written_reads_the_same() -> None:
    message = parse(INVITE)
    again = parse(message.encode())
    assert isinstance(again, Request)
    assert again.headers[:-1] == message.headers
    assert again.get("Content-Length") == "5"


def test_an_answer_keeps_the_callers_words_and_adds_its_tag_once() -> None:
    invite = parse(INVITE)
    assert isinstance(invite, Request)
    response = parse(answer(invite, 486, tag="b").encode())
    assert isinstance(response, Response)
    assert (response.code, response.phrase, response.final) == (486, "Busy Here", True)
    assert tag_of(response.get("To")) == "b"
    assert response.get("CSeq") == "7 INVITE"
    assert answer(invite, 100).final is False


@pytest.mark.parametrize(
    "datagram",
    [
        b"",
        b"\r\n\r\n",
        b"\x00\xff" * 40,
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        INVITE.replace(b"SIP/2.0\r\n", b"SIP/3.0\r\n", 1),
        INVITE.replace(b"CSeq: 7 INVITE", b"CSeq: many"),
        INVITE.replace(b"i: c1\r\n", b""),
        INVITE.replace(b"t: <", b"t <"),
        b"SIP/2.0 abc What\r\n" + b"\r\n".join(REST),
    ],
)
def test_what_is_not_sip_is_refused(datagram: bytes) -> None:
    with pytest.raises(MalformedMessageError):
        parse(datagram)


@pytest.mark.parametrize(
    ("uri", "user"),
    [
        ("sip:%2B33142685300@carrier", "+33142685300"),
        ("sip:0612%40trunk%26PJSIP%2F0088216001@pbx:5060", "0612@trunk&PJSIP/0088216001"),
        ("sip:*31#0612@pbx", "*31#0612"),
        ("sip:carrier:5080", ""),
    ],
)
def test_the_called_number_is_read_with_its_escapes_undone(uri: str, user: str) -> None:
    assert user_of(uri) == user


@pytest.mark.parametrize(
    ("value", "uri", "place"),
    [
        ('"A" <sip:101@10.0.0.1:5070>;tag=x', "sip:101@10.0.0.1:5070", ("10.0.0.1", 5070)),
        ("sip:10.0.0.1;tag=x", "sip:10.0.0.1", ("10.0.0.1", 5060)),
        ("<sip:lab@pbx;transport=udp>", "sip:lab@pbx;transport=udp", ("pbx", 5060)),
    ],
)
def test_an_address_says_where_to_send(value: str, uri: str, place: tuple[str, int]) -> None:
    assert uri_of(value) == uri
    assert host_port_of(uri_of(value)) == place


def test_an_address_without_a_place_is_refused() -> None:
    with pytest.raises(MalformedMessageError):
        host_port_of("tel:+33142685300")


def test_the_password_proof_is_that_of_the_rfc() -> None:
    """RFC 2617 section 3.5, "Mufasa"."""
    challenge = (
        'Digest realm="testrealm@host.com", qop="auth,auth-int", '
        'nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41"'
    )
    mufasa = Credentials(username="Mufasa", password="Circle Of Life")  # noqa: S106 - the RFC's own example
    value = authorization(mufasa, challenge, method="GET", uri="/dir/index.html", client_nonce="0a4f113b")
    assert 'response="6629fae49393a05397450978507c4ef1"' in value
    assert 'opaque="5ccc069c403ebaf9f0171e9517f40e41"' in value


def test_the_old_password_proof_has_no_nonce_of_the_phone() -> None:
    """RFC 2069 as RFC 2617 keeps it: md5(md5(u:r:p):nonce:md5(method:uri))."""
    phone = Credentials(username="101", password="x")  # noqa: S106 - a made-up phone
    value = authorization(phone, 'Digest realm="r",nonce="n"', method="REGISTER", uri="sip:p", client_nonce="c")
    assert 'response="4d0f1fba474d7aa159a5827c324b0bd6"' in value
    assert "cnonce" not in value


def test_an_audio_description_reads_as_it_was_written() -> None:
    audio = sdp.Audio(host="10.0.0.1", port=4000)
    assert sdp.read(sdp.write(audio)) == audio


@pytest.mark.parametrize("body", [b"", b"c=IN IP4 1.2.3.4\r\n", b"c=IN IP4 1.2.3.4\r\nm=audio 4000 RTP/AVP 9 101\r\n"])
def test_audio_that_the_lab_does_not_speak_is_none(body: bytes) -> None:
    assert sdp.read(body) is None
