"""The lasting part of a call (RFC 3261 section 12): who the two sides are, and where requests inside it go."""

from dataclasses import dataclass
from urllib.parse import quote

from sip_message import Headers, Request, Response, host_port_of, tag_of, uri_of
from sip_transport import Address


@dataclass(slots=True, kw_only=True)
class Dialog:
    """One dialog, from our side.

    Fields:
        local, remote: the From and To values of our requests, with their tags once known.
        target: the URI that our requests carry.
        server: where they are sent.
        contact: our own URI.
        sequence: the CSeq number last used by us.
    """

    call_id: str
    local: str
    remote: str
    target: str
    server: Address
    contact: str
    routes: tuple[str, ...] = ()
    sequence: int = 0

    @classmethod
    def accepted(cls, invite: Request, *, tag: str, contact: str) -> "Dialog":
        """The dialog of a call that came in: From and To change places."""
        target = uri_of(invite.get("Contact")) or uri_of(invite.get("From"))
        return cls(
            call_id=invite.get("Call-ID"),
            local=f"{invite.get('To')};tag={tag}",
            remote=invite.get("From"),
            target=target,
            server=host_port_of(target),
            contact=contact,
            routes=tuple(invite.all("Record-Route")),
        )

    def learn(self, response: Response) -> None:
        """Take the other side's tag, target and route from a response to our INVITE."""
        if tag_of(response.get("To")):
            self.remote = response.get("To")
        if response.get("Contact"):
            self.target = uri_of(response.get("Contact"))
        if response.all("Record-Route"):
            self.routes = tuple(reversed(response.all("Record-Route")))

    def request(self, method: str, via: tuple[str, str], *, headers: Headers = (), body: bytes = b"") -> Request:
        """Make the next request; an ACK keeps the number of its INVITE."""
        if method != "ACK":
            self.sequence += 1
        fields = [via, ("Max-Forwards", "70"), ("From", self.local), ("To", self.remote), ("Call-ID", self.call_id)]
        fields += [("CSeq", f"{self.sequence} {method}"), ("Contact", f"<{self.contact}>")]
        fields += [("Route", route) for route in self.routes]
        if body:
            fields.append(("Content-Type", "application/sdp"))
        return Request(method=method, uri=self.target, headers=(*fields, *headers), body=body)

    def replaces(self) -> str:
        """This dialog as the other side names it in a Replaces header (RFC 3891), escaped for use inside a URI."""
        named = f"{self.call_id};to-tag={tag_of(self.remote)};from-tag={tag_of(self.local)}"
        return quote(named, safe="")
