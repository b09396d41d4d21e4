"""The certificate by which gateways know the ledger, read again when it is exchanged."""

from __future__ import annotations

import logging
import ssl
from pathlib import Path

from paceline.errors import Stalled

_log = logging.getLogger(__name__)

_CERTIFICATE, _KEY = "tls.crt", "tls.key"


class Certificate:
    """A certificate and its key in a folder, as in a Secret of type kubernetes.io/tls.

    Attributes:
        context: For a server. Connections that are made later show what the folder has then.

    Raises:
        Stalled: they cannot be read, or are none.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._seen = self._version()
        self._load(self.context)

    def look(self) -> None:
        """Read it again if it is another one. What cannot be read leaves the last good one in force."""
        try:
            seen = self._version()
            if seen == self._seen:
                return
            self._seen = seen
            # A pair that does not fit would be half taken.
            self._load(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
            self._load(self.context)
        except Stalled as wrong:
            _log.error("%s The certificate that was read before is shown.", wrong.message)

    def _load(self, context: ssl.SSLContext) -> None:
        try:
            context.load_cert_chain(self._folder / _CERTIFICATE, self._folder / _KEY)
        except (OSError, ssl.SSLError) as error:
            raise self._stalled(error) from None

    def _version(self) -> tuple[tuple[int, int, int], ...]:
        try:
            found = [(self._folder / name).stat() for name in (_CERTIFICATE, _KEY)]
        except OSError as error:
            raise self._stalled(error) from None
        return tuple((each.st_mtime_ns, each.st_ino, each.st_size) for each in found)

    def _stalled(self, error: OSError) -> Stalled:
        words = error.strerror or type(error).__name__
        return Stalled(
            "CertificateUnusable",
            f"{self._folder} has no {_CERTIFICATE} and {_KEY} that fit together: {words}. Give a certificate and its "
            "key, as in a Secret of type kubernetes.io/tls.",
        )


def authority(path: Path | None) -> ssl.SSLContext | bool:
    """Whom other replicas' certificates are trusted from: those of a file, or everybody whom the machine trusts.

    Raises:
        Stalled: the file cannot be read, or has no certificate.
    """
    if path is None:
        return True
    try:
        return ssl.create_default_context(cafile=path)
    except (OSError, ssl.SSLError) as error:
        words = error.strerror or type(error).__name__
        message = f"{path} has no certificate of an authority: {words}. Give a file of certificates in PEM."
        raise Stalled("CertificateUnusable", message) from None
