"""How to reach the API server: kubeconfig or in-cluster credentials, kept fresh."""

from __future__ import annotations

import asyncio
import logging
import os
import ssl
from collections.abc import Callable, Sequence
from pathlib import Path

import aiohttp
import yaml
from kubernetes.aio import config
from kubernetes.aio.client import Configuration
from kubernetes.aio.config.config_exception import ConfigException

from paceline.errors import Stalled
from paceline.settings import boottime

log = logging.getLogger(__name__)

#: Tokens of pods and of exec plugins are rotated; reading them again is cheap.
_REFRESH_SECONDS = 60.0
_SERVICE_HOST = "KUBERNETES_SERVICE_HOST"


class Connection:
    """Address, TLS and credentials of one API server, from kubernetes.aio's loaders.

    Used from two event loops (ours and kopf's), so it holds nothing that belongs to a loop but its lock.
    """

    def __init__(self, kubeconfig: Path | None = None, *, clock: Callable[[], float] = boottime) -> None:
        self._kubeconfig = kubeconfig
        self._clock = clock
        self._loaded_at = float("-inf")
        self._configuration = Configuration()
        self._ssl: ssl.SSLContext | None = None

    async def load(self) -> None:
        """Read the credentials.

        Raises:
            Stalled: reason NoCluster, there is no usable kubeconfig and this is not a pod.
        """
        configuration = Configuration()
        try:
            if self._kubeconfig is None and os.environ.get(_SERVICE_HOST):
                config.load_incluster_config(configuration)  # type: ignore[no-untyped-call]
            else:
                path = str(self._kubeconfig) if self._kubeconfig else None
                await config.load_kube_config(  # type: ignore[no-untyped-call]
                    config_file=path, client_configuration=configuration, persist_config=False
                )
        except (ConfigException, OSError, TypeError, ValueError, AttributeError, yaml.YAMLError) as error:
            where = self._kubeconfig or "the default kubeconfig"
            raise Stalled(
                "NoCluster", f"{where} is not usable: {error}. Give --kubeconfig or set KUBECONFIG."
            ) from error
        self._configuration = configuration
        self._ssl = _ssl_context(configuration)
        self._loaded_at = self._clock()

    async def refresh(self) -> None:
        """Read the credentials again when they are older than a minute. A failure keeps the ones there are."""
        if self._clock() - self._loaded_at < _REFRESH_SECONDS:
            return
        self._loaded_at = self._clock()  # first, so that a broken file is not tried by every request
        try:
            await self.load()
        except Stalled as error:
            log.warning("the credentials read before are still used: %s", error)

    def expire(self) -> None:
        """Have the next request read the credentials again (the server answered 401)."""
        self._loaded_at = float("-inf")

    @property
    def server(self) -> str:
        """Base URL without a slash at the end."""
        return str(self._configuration.host).rstrip("/")

    def headers(self) -> dict[str, str]:
        """Authorization header of the current credentials, or none."""
        token = (self._configuration.api_key or {}).get("BearerToken")
        return {"Authorization": token} if token else {}

    def session(
        self, *, connections: int, middlewares: Sequence[aiohttp.ClientMiddlewareType] = ()
    ) -> aiohttp.ClientSession:
        """A client session of the running loop whose requests carry the credentials of their moment."""

        async def authorize(
            request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
        ) -> aiohttp.ClientResponse:
            await self.refresh()
            request.headers.update(self.headers())
            return await handler(request)

        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=connections, ssl=self._ssl if self._ssl is not None else True, keepalive_timeout=75
            ),
            headers={"User-Agent": "paceline"},
            middlewares=(*middlewares, authorize),
            proxy=self._configuration.proxy,
            cookie_jar=aiohttp.DummyCookieJar(loop=asyncio.get_running_loop()),
        )


def _ssl_context(configuration: Configuration) -> ssl.SSLContext | None:
    """TLS as the kubeconfig wants it, or None for plain HTTP (an API proxy on loopback)."""
    if not str(configuration.host).startswith("https"):
        return None
    context = ssl.create_default_context(cafile=configuration.ssl_ca_cert)
    if configuration.cert_file:
        context.load_cert_chain(configuration.cert_file, configuration.key_file)
    if not configuration.verify_ssl:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
