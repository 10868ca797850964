"""Certificates for tests that last as long as a test wants, also until yesterday, which the openssl program cannot."""

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

BEGUN = timedelta(days=400)
AUTHORITY = "authority.pem"
_USES = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement")
_SIGNS = x509.KeyUsage(
    **dict.fromkeys(_USES, False), key_cert_sign=True, crl_sign=True, encipher_only=False, decipher_only=False
)


class Authority:
    """Who vouches for the servers of a test; its own certificate is `AUTHORITY` in its folder.

    Args:
        folder: where everything is written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / AUTHORITY
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("authority")
        itself = self._draft(self._name, self._key, datetime.now(UTC) + BEGUN)
        for says in (x509.BasicConstraints(ca=True, path_length=None), _SIGNS):
            itself = itself.add_extension(says, critical=True)
        self._sign(AUTHORITY, itself)

    def issue(self, name: str, address: str, ends: datetime) -> dict[str, str]:
        """Write NAME.pem and NAME.key for a server at an address; gives the settings of Redis that name them."""
        key = ec.generate_private_key(ec.SECP256R1())
        place = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
        self._sign(f"{name}.pem", self._draft(_name(name), key, ends).add_extension(place, critical=False))
        text = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        (self.folder / f"{name}.key").write_bytes(text)
        return {
            "tls-cert-file": str(self.folder / f"{name}.pem"),
            "tls-key-file": str(self.folder / f"{name}.key"),
            "tls-ca-cert-file": str(self.file),
            "tls-auth-clients": "no",
        }

    def _draft(self, name: x509.Name, key: ec.EllipticCurvePrivateKey, ends: datetime) -> x509.CertificateBuilder:
        draft = x509.CertificateBuilder(
            issuer_name=self._name,
            subject_name=name,
            public_key=key.public_key(),
            serial_number=x509.random_serial_number(),
            not_valid_before=ends - BEGUN,
            not_valid_after=ends,
        )
        # Python 3.13 takes no certificate that lacks these (RFC 5280, 4.2.1).
        whose = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        by_whom = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        return draft.add_extension(whose, critical=False).add_extension(by_whom, critical=False)

    def _sign(self, file: str, draft: x509.CertificateBuilder) -> None:
        signed = draft.sign(self._key, hashes.SHA256())
        (self.folder / file).write_bytes(signed.public_bytes(serialization.Encoding.PEM))


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
