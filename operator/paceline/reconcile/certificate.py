"""The certificate by which agents know this installation: made and renewed by the leader, shown by every replica."""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import logging
import ssl
import tempfile
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

from paceline import metrics
from paceline.errors import Conflict, NotFound, PacelineError, Waiting
from paceline.kube.client import METADATA, Api
from paceline.kube.resources import SECRETS, JsonObject, Key
from paceline.settings import OperatorSettings, now
from paceline.snapshots import issuing
from paceline.snapshots.issuing import Pair

log = logging.getLogger(__name__)

CERTIFICATE, KEY, AUTHORITY = "tls.crt", "tls.key", "ca.crt"
_TLS = "kubernetes.io/tls"
_OURS = {"app.kubernetes.io/managed-by": "paceline"}
#: Until there is one, and then whether it is another one.
_SOON_SECONDS, _LATER_SECONDS = 1.0, 30.0


class Certificate:
    """The certificate in force.

    Where a Secret is named, the leader makes it and renews it in time; everybody reads it. Else it is what is mounted
    in the folder, which others renew.

    Args:
        api: The API server; only the leader's writes pass.
        settings: In force.
        allowed: Whether this process decides.
        clock: Wall clock.

    Attributes:
        context: For servers. Connections that are made later show what is in force then.
        there: Set once there is one.
    """

    def __init__(
        self,
        api: Api,
        settings: Callable[[], OperatorSettings],
        allowed: Callable[[], bool],
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._api = api
        self._settings = settings
        self._allowed = allowed
        self._clock = clock
        self._shown: Mapping[str, bytes] = {}
        self._told = ""
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self.there = asyncio.Event()

    @property
    def authority(self) -> str:
        """Who signed it, as PEM.

        Raises:
            Waiting: nobody has yet.
        """
        try:
            found = self._shown.get(AUTHORITY) or (b"" if self._name else (self._folder / AUTHORITY).read_bytes())
            if found:
                return found.decode()
            words = f"Secret {self._place} is not there yet; the operator that leads makes it."
        except (OSError, UnicodeDecodeError) as error:
            file = self._folder / AUTHORITY
            words = f"{file} cannot be read: {error}. Mount the certificate of the operator (chart value gateway.tls)."
        raise Waiting("ApplyRefused", words)

    async def run(self) -> None:
        """Keep it in force until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(_LATER_SECONDS if self.there.is_set() else _SOON_SECONDS)

    async def look(self) -> None:
        """Make or renew it where it is due and this process decides; show what there is. Trouble is said once."""
        try:
            found = await self._kept() if self._name else self._mounted()
            if found:
                if found != self._shown:
                    self._load(found)
                self._told = ""
        except (PacelineError, OSError, ValueError) as error:
            self._tell(f"the certificate for agents is not renewed: {error}")

    @property
    def _name(self) -> str:
        return self._settings().gateways.tls_secret

    @property
    def _place(self) -> Key:
        return Key(self._settings().leader_election.lease_namespace, self._name)

    @property
    def _folder(self) -> Path:
        return Path(self._settings().gateways.tls_folder)

    def _mounted(self) -> Mapping[str, bytes]:
        names = (CERTIFICATE, KEY, AUTHORITY)
        if not (self._folder / CERTIFICATE).exists():
            self._tell(f"{self._folder} has no certificate: gateways get no configuration from this process")
            return {}
        return {name: (self._folder / name).read_bytes() for name in names if (self._folder / name).exists()}

    async def _kept(self) -> Mapping[str, bytes]:
        """What the Secret has; made or renewed first where that is due and ours to do."""
        place = self._place
        live = await self._api.get(SECRETS, *place)
        found = _data(live)
        if not self._allowed() or (live is not None and not _is_ours(live)):
            return found
        by = await self._authority(Key(place.namespace, f"{place.name}-ca"))
        given, at = self._settings().gateways, self._clock()
        hosts = {given.operator_host, given.ledger_host}
        if issuing.serves(_pair(found), by, hosts, at) and by.certificate in found.get(AUTHORITY, b""):
            return found
        made = issuing.issued(by, hosts, at)
        trusted = issuing.trusted(by, found.get(AUTHORITY, b""), at)
        data = {CERTIFICATE: made.certificate, KEY: made.key, AUTHORITY: trusted}
        if not await self._write(place, live, data):
            return found
        log.info("Secret %s has a new certificate for %s", place, ", ".join(sorted(hosts)))
        return data

    async def _authority(self, place: Key) -> Pair:
        """Who signs. It is kept apart, because whoever shows a certificate is not to sign others."""
        live = await self._api.get(SECRETS, *place)
        found = _pair(_data(live))
        if issuing.authority_serves(found, self._clock()):
            return found
        if live is not None and not _is_ours(live):
            raise Waiting("ApplyRefused", f"Secret {place} is not ours and has no authority. Delete or replace it.")
        made = issuing.authority(self._clock())
        if not await self._write(place, live, {CERTIFICATE: made.certificate, KEY: made.key}):
            raise Conflict("Conflict", f"Secret {place} was written by somebody else meanwhile")
        log.warning("Secret %s has a new authority", place)
        return made

    async def _write(self, place: Key, live: JsonObject | None, data: Mapping[str, bytes]) -> bool:
        """Write a Secret as it was read, or not at all; whether it was."""
        metadata: JsonObject = {"name": place.name, "namespace": place.namespace, "labels": _OURS}
        if live is not None:
            metadata["resourceVersion"] = live["metadata"]["resourceVersion"]
        body = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": metadata,
            "type": _TLS,
            "data": {name: base64.b64encode(value).decode() for name, value in data.items()},
        }
        with contextlib.suppress(Conflict, NotFound):  # at the next look it is as it is then
            if live is None:
                await self._api.send("POST", SECRETS, SECRETS.path(place.namespace), body, accept=METADATA)
            else:
                await self._api.send("PUT", SECRETS, SECRETS.path(*place), body, accept=METADATA)
            return True
        return False

    def _load(self, found: Mapping[str, bytes]) -> None:
        """Show it. Python takes a certificate from files only; these are gone when it has.

        Raises:
            ValueError: they are none, or do not fit together; what was shown before is shown on.
        """
        with tempfile.TemporaryDirectory() as folder:
            certificate, key = (Path(folder) / name for name in (CERTIFICATE, KEY))
            for file in (certificate, key):
                file.touch(0o600)
                file.write_bytes(found.get(file.name, b""))
            try:
                # A pair that does not fit would be half taken.
                for context in (ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), self.context):
                    context.load_cert_chain(certificate, key)
            except ssl.SSLError as error:
                raise ValueError(f"it cannot be read ({error.reason or 'no certificate'})") from None
        self._shown = found
        metrics.certificate_expires.set(issuing.expiry(found[CERTIFICATE]).timestamp())
        self.there.set()

    def _tell(self, words: str) -> None:
        if words != self._told:
            self._told = words
            log.warning("%s", words)


def _data(live: JsonObject | None) -> dict[str, bytes]:
    found = {}
    for name, value in ((live or {}).get("data") or {}).items():
        with contextlib.suppress(binascii.Error, TypeError, ValueError):
            found[str(name)] = base64.b64decode(value, validate=True)
    return found


def _pair(data: Mapping[str, bytes]) -> Pair:
    return Pair(data.get(CERTIFICATE, b""), data.get(KEY, b""))


def _is_ours(live: JsonObject) -> bool:
    labels = live["metadata"].get("labels") or {}
    return _OURS.items() <= labels.items()
