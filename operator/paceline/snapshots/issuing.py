"""Certificates by which agents know the operator and the ledger, made by an authority of this installation's own."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_NAME = "paceline"
_AUTHORITY_DAYS, _AUTHORITY_LEFT_DAYS = 3650, 365
_DAYS, _LEFT_DAYS = 90, 30
#: Clocks of nodes differ.
_EARLIER = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its key, both as PEM.

    Attributes:
        key: Never printed.
    """

    certificate: bytes
    key: bytes = field(repr=False)


def authority(now: datetime) -> Pair:
    """A new authority, good for ten years."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, _NAME)])
    builder = (
        _builder(name, name, key.public_key(), now, _AUTHORITY_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
    )
    return _pair(builder.sign(key, hashes.SHA256()), key)


def issued(by: Pair, hosts: Collection[str], now: datetime) -> Pair:
    """A certificate for servers of these names, good for 90 days.

    Raises:
        ValueError: the authority is none.
    """
    signer, signing = _read(by)
    key = ec.generate_private_key(ec.SECP256R1())
    # Where a name is longer than a subject may be, only the extension has it.
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, min(hosts)[:64])])
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key())
    builder = (
        _builder(name, signer.subject, key.public_key(), now, _DAYS)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(each) for each in sorted(hosts)]), critical=False)
        .add_extension(identifier, critical=False)
    )
    return _pair(builder.sign(signing, hashes.SHA256()), key)


def authority_serves(found: Pair, now: datetime) -> bool:
    """Whether an authority can sign, and will for a year."""
    try:
        certificate, key = _read(found)
    except ValueError:
        return False
    return certificate.public_key() == key.public_key() and _left(certificate, now) > timedelta(_AUTHORITY_LEFT_DAYS)


def serves(found: Pair, by: Pair, hosts: Collection[str], now: datetime) -> bool:
    """Whether a certificate is the authority's, for these names, and good for another 30 days."""
    try:
        certificate, key = _read(found)
        signer, _ = _read(by)
        certificate.verify_directly_issued_by(signer)
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False
    return (
        certificate.public_key() == key.public_key()
        and set(names.get_values_for_type(x509.DNSName)) == set(hosts)
        and _left(certificate, now) > timedelta(_LEFT_DAYS)
    )


def expiry(certificate: bytes) -> datetime:
    """When a certificate, as PEM, is good no longer.

    Raises:
        ValueError: it is none.
    """
    return x509.load_pem_x509_certificate(certificate).not_valid_after_utc


def trusted(by: Pair, before: bytes, now: datetime) -> bytes:
    """Who is trusted: the authority, and those of before that are still good, because not everybody has the new yet."""
    found = [by.certificate]
    try:
        earlier = x509.load_pem_x509_certificates(before)
    except ValueError:
        earlier = []
    for each in earlier:
        text = each.public_bytes(serialization.Encoding.PEM)
        if text not in found and _left(each, now) > timedelta():
            found.append(text)
    return b"".join(found[:2])


def _builder(
    name: x509.Name, by: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, days: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(by)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _EARLIER)
        .not_valid_after(now + timedelta(days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pair(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Pair:
    text = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Pair(certificate.public_bytes(serialization.Encoding.PEM), text)


def _read(pair: Pair) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """Both, parsed.

    Raises:
        ValueError: they are none. The text of the key is not in the message.
    """
    try:
        key = serialization.load_pem_private_key(pair.key, None)
    except (ValueError, TypeError):
        raise ValueError("the key is none") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError("the key is of another kind")
    return x509.load_pem_x509_certificate(pair.certificate), key


def _left(certificate: x509.Certificate, now: datetime) -> timedelta:
    return certificate.not_valid_after_utc - now
