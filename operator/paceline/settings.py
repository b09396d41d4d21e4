"""The operator's configuration file, and the only clocks of the package.

The file is YAML, written by the Helm chart, and read again when its bytes change. What cannot change while the
process runs (what is watched, the Lease, the ports) takes effect at the next start; profiles, images, probes, rates
and the log level take effect at once.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from paceline.api.base import describe
from paceline.api.profile import HardwareProfile
from paceline.errors import Stalled

Port = Annotated[int, Field(ge=1, le=65535)]
Seconds = Annotated[int, Field(ge=1, le=86_400)]


def now() -> datetime:
    """Wall clock, UTC: for what people read (condition times, Events), never for deadlines."""
    return datetime.fromtimestamp(time.time(), UTC)


def boottime() -> float:
    """Seconds since boot, counting suspended time: for deadlines.

    CLOCK_MONOTONIC stands still while a machine sleeps, so a Lease would look held after waking up.
    """
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def microseconds() -> int:
    """Wall clock in microseconds since 1970: for what is recorded, never for deadlines."""
    return time.time_ns() // 1000


def cpu_seconds() -> float:
    """CPU time of this process so far, user and system, all threads."""
    return time.process_time()


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)


class Watch(_Section):
    """Which namespaces the operator serves: a list of them, or with mode Cluster all."""

    mode: Literal["Namespaced", "Cluster"] = "Namespaced"
    namespaces: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _namespaces_fit_the_mode(self) -> Watch:
        if self.mode == "Namespaced" and not self.namespaces:
            raise ValueError("mode Namespaced needs at least one entry in namespaces (or use mode: Cluster)")
        if self.mode == "Cluster" and self.namespaces:
            raise ValueError("mode Cluster serves all namespaces: leave namespaces empty (or use mode: Namespaced)")
        return self

    @property
    def scopes(self) -> tuple[str | None, ...]:
        """What to list and watch: one entry per namespace, or one None for the whole cluster."""
        return self.namespaces if self.mode == "Namespaced" else (None,)


class LeaderElection(_Section):
    """The Lease. The holder stops writing `renewDeadline` after its last renewal, others wait `leaseDuration`."""

    lease_name: str = "paceline-operator"
    lease_namespace: str = "paceline-system"
    lease_duration_seconds: Seconds = 15
    renew_deadline_seconds: Seconds = 10
    retry_period_seconds: Seconds = 2

    @model_validator(mode="after")
    def _deadlines_nest(self) -> LeaderElection:
        if not self.retry_period_seconds < self.renew_deadline_seconds < self.lease_duration_seconds:
            raise ValueError(
                "retryPeriodSeconds < renewDeadlineSeconds < leaseDurationSeconds is needed, "
                f"not {self.retry_period_seconds} < {self.renew_deadline_seconds} < {self.lease_duration_seconds}"
            )
        return self


class Probe(_Section):
    """How often the leader reads the engines' metrics and, where no user asks, asks them itself."""

    interval_seconds: Seconds = 10
    timeout_seconds: Seconds = 5


def _network(text: str) -> str:
    return str(ip_network(text))


class Images(_Section):
    """Container images the operator puts into pods by default."""

    engine_sim: str = "localhost/paceline:dev"
    fetch: str = "localhost/paceline:dev"
    vllm: str = "docker.io/vllm/vllm-openai:v0.18.0"
    sglang: str = "docker.io/lmsysorg/sglang:v0.5.9"
    llama_cpp: str = "ghcr.io/ggml-org/llama.cpp:server"
    envoy: str = "docker.io/envoyproxy/envoy:distroless-v1.40.0"
    agent: str = "localhost/paceline:dev"


class Fetch(_Section):
    """How models are fetched.

    Attributes:
        allowed_networks: Private networks that may be fetched from, as CIDRs.
        env: Variables of the fetching containers, such as HF_ENDPOINT of a mirror; never secrets.
    """

    allowed_networks: tuple[Annotated[str, AfterValidator(_network)], ...] = ()
    env: dict[str, str] = Field(default_factory=dict)


class Gateways(_Section):
    """What holds for all Gateways.

    Attributes:
        hosts: Names of hosts that External backends may have, *.example.com for all below it, * for every one.
        operator_host: Name in the cluster's DNS by which agents reach this operator.
        ledger_host: The same for the ledger.
        token_file: This pod's token, by which the ledger knows the operator.
        adapter: Their pods have somebody who checks answers against schemas.
        collector_host: Who gets spans of requests, by OTLP over HTTP; "": nobody.
        traced_percent: Share of requests that have spans.
        tls_secret: In the Lease's namespace: by which agents know the operator and the ledger. It is made and renewed;
            empty: what others bring to the folder is shown.
        tls_folder: The same where it is mounted: tls.crt and tls.key, and in ca.crt who signed these.
    """

    hosts: tuple[str, ...] = ()
    adapter: bool = False
    collector_host: str = ""
    collector_port: Port = 4318
    traced_percent: Annotated[int, Field(ge=0, le=100)] = 1
    operator_host: str = "paceline-operator.paceline-system.svc"
    ledger_host: str = "paceline-ledger.paceline-system.svc"
    ledger_port: Port = 8443
    token_file: str = "/var/run/secrets/paceline/token"  # noqa: S105 - a path
    tls_secret: str = ""
    tls_folder: str = "/etc/paceline-tls"


class ApiRates(_Section):
    """Client-side ceiling of writes to the API server."""

    qps: Annotated[float, Field(gt=0, le=100_000)] = 50
    burst: Annotated[int, Field(ge=1, le=100_000)] = 100


class Log(_Section):
    """Least level that is logged. Nothing below INFO is offered: debug logs of clients hold object bodies."""

    level: Literal["INFO", "WARNING", "ERROR"] = "INFO"


class Server(_Section):
    """Where /metrics and the health endpoints listen."""

    host: str = "0.0.0.0"  # noqa: S104 - the kubelet and Prometheus come from outside the pod
    metrics_port: Port = 8080
    health_port: Port = 8081
    agents_port: Port = 8443


class OperatorSettings(_Section):
    """The whole configuration file.

    Attributes:
        read_nodes: The operator may list nodes, and counts them before it makes pods.
    """

    watch: Watch
    leader_election: LeaderElection = LeaderElection()
    resync_seconds: Seconds = 60
    read_nodes: bool = False
    probe: Probe = Probe()
    images: Images = Images()
    fetch: Fetch = Fetch()
    gateways: Gateways = Gateways()
    api: ApiRates = ApiRates()
    log: Log = Log()
    server: Server = Server()
    profiles: tuple[HardwareProfile, ...] = ()

    @model_validator(mode="after")
    def _profile_names_are_unique(self) -> OperatorSettings:
        names = [profile.name for profile in self.profiles]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"profiles: {', '.join(twice)} is listed twice; names must be unique")
        return self

    def profile(self, name: str) -> HardwareProfile | None:
        """The hardware profile of that name, or None."""
        return next((profile for profile in self.profiles if profile.name == name), None)

    @classmethod
    def parse(cls, text: str) -> OperatorSettings:
        """Settings from YAML text.

        Raises:
            Stalled: reason InvalidConfiguration; the message names every wrong field, its value and what is allowed.
        """
        try:
            data = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise Stalled("InvalidConfiguration", f"not YAML: {error}. Correct the file.") from error
        if not isinstance(data, dict):
            raise Stalled("InvalidConfiguration", f"a mapping is needed, not {type(data).__name__}. Correct the file.")
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            raise Stalled("InvalidConfiguration", f"{describe(error, 'configuration')}. Correct the file.") from error

    @classmethod
    def load(cls, path: Path) -> OperatorSettings:
        """Settings from a file.

        Raises:
            Stalled: the file cannot be read or is wrong.
        """
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise Stalled("InvalidConfiguration", f"{path} cannot be read: {error}. Give a readable file.") from error
        try:
            return cls.parse(text)
        except Stalled as error:
            raise Stalled(error.reason, f"{path}: {error.message}") from error
