"""Certificates: one authority for each cluster, and what it signs."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from paceline.local.addresses import Addresses

NODE = "local"
#: Long enough that a forgotten development cluster still starts, short enough not to matter when leaked.
LIFETIME = timedelta(days=365)
_RENEWED_BEFORE = timedelta(days=30)
#: The last file written.
_MARKER = "complete"
#: Client identities: file name to (common name, organisation).
CLIENTS = {
    "admin": ("paceline-local-admin", "system:masters"),
    "kubelet-client": ("apiserver-kubelet-client", "system:masters"),
    "controller-manager": ("system:kube-controller-manager", ""),
    "scheduler": ("system:kube-scheduler", ""),
    "proxy": ("system:kube-proxy", ""),
    "kubelet": (f"system:node:{NODE}", "system:nodes"),
    "dns": ("paceline-local-dns", "system:masters"),
    "kwok": ("paceline-local-kwok", "system:masters"),
}


def _pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _subject(common_name: str, organisation: str = "") -> x509.Name:
    attributes = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    if organisation:
        attributes.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation))
    return x509.Name(attributes)


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def serving_names(addresses: Addresses) -> tuple[str, ...]:
    """Names and addresses that the API server answers under."""
    service = ["kubernetes", "default", "svc", "cluster", "local"]
    names = (".".join(service[:parts]) for parts in (1, 2, 3, 5))
    return ("127.0.0.1", str(addresses.first_service), str(addresses.node), "localhost", *names)


class Authority:
    """Signs certificates into one folder.

    Args:
        folder: Where `ca.crt`, `ca.key` and each pair go.
        now: The time, from which everything is valid (five minutes earlier, for clocks that differ).
    """

    def __init__(self, folder: Path, now: datetime) -> None:
        self._folder = folder
        self._now = now
        self._key = ec.generate_private_key(ec.SECP256R1())
        subject = _subject("paceline-local-ca")
        builder = self._builder(subject, self._key).add_extension(x509.BasicConstraints(True, None), True)
        self._subject = subject
        self._write("ca", builder.issuer_name(subject).sign(self._key, hashes.SHA256()), self._key)

    def _builder(self, subject: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._now - timedelta(minutes=5))
            .not_valid_after(self._now + LIFETIME)
        )

    def _write(self, name: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
        (self._folder / f"{name}.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        (self._folder / f"{name}.key").write_bytes(_pem(key))

    def sign(self, name: str, common_name: str, organisation: str = "", names: Sequence[str] = ()) -> None:
        """Write `<name>.crt` and `<name>.key`, good for both ends of a connection."""
        key = ec.generate_private_key(ec.SECP256R1())
        usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH])
        builder = self._builder(_subject(common_name, organisation), key).add_extension(usage, False)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName([_alternative(each) for each in names]), False)
        self._write(name, builder.issuer_name(self._subject).sign(self._key, hashes.SHA256()), key)


def valid(folder: Path, addresses: Addresses, now: datetime) -> bool:
    """Whether everything is there, for these addresses, and lasts for a while."""
    marker = folder / _MARKER
    if not marker.exists() or marker.read_text() != str(addresses.block):
        return False
    authority = x509.load_pem_x509_certificate((folder / "ca.crt").read_bytes())
    return now + _RENEWED_BEFORE < authority.not_valid_after_utc


def ensure(folder: Path, addresses: Addresses, now: datetime) -> None:
    """Write all certificates and the service-account key, unless they are there and valid.

    The last file written is a marker holding the address block: a folder left by a killed run, or
    one made for other addresses, is written anew.
    """
    if valid(folder, addresses, now):
        return
    marker = folder / _MARKER
    marker.unlink(missing_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    authority = Authority(folder, now)
    authority.sign("apiserver", "kube-apiserver", names=serving_names(addresses))
    for name, (common_name, organisation) in CLIENTS.items():
        # The kubelet's pair serves its own API too.
        names = (NODE, str(addresses.node), "127.0.0.1") if name == "kubelet" else ()
        authority.sign(name, common_name, organisation, names)
    accounts = rsa.generate_private_key(65537, 2048)
    (folder / "sa.key").write_bytes(_pem(accounts))
    public = accounts.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    (folder / "sa.pub").write_bytes(public)
    marker.write_text(str(addresses.block))
