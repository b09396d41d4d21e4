"""`paceline key`: keys of Consumers, made, exchanged and taken away.

The operator never writes a spec; here a user does, with the user's own rights: to create Secrets, to update Consumers.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from paceline.cli import credentials
from paceline.cli.chain.view import condition
from paceline.cli.cluster import Cluster, ContextOption, find
from paceline.cli.console import (
    CliError,
    ExitCode,
    NamespaceOption,
    Output,
    OutputOption,
    fail,
    hint,
    out,
    print_data,
    working,
)
from paceline.cli.kinds import CONSUMER

Object = dict[str, Any]

app = typer.Typer(
    help="Make, rotate and revoke the keys of a Consumer.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
)

ConsumerArgument = Annotated[str, typer.Argument(metavar="CONSUMER", help="consumer/NAME or NAME.")]
NameOption = Annotated[str, typer.Option("--name", help="Name of the new credential; default: key-1, key-2, …")]
ShowOption = Annotated[bool, typer.Option("--show", help="Print the key itself, this once.")]
TimeoutOption = Annotated[float, typer.Option("--timeout", min=0, help="Seconds to wait until gateways have it.")]

_WAIT_SECONDS = 60.0
_LOOK_SECONDS = 0.2


@app.command()
def create(
    consumer: ConsumerArgument,
    name: NameOption = "",
    show: ShowOption = False,
    timeout: TimeoutOption = _WAIT_SECONDS,
    namespace: NamespaceOption = "",
    context: ContextOption = "",
    output: OutputOption = Output.TABLE,
) -> None:
    """Make a key of 256 bits in a Secret of its own and add it to the Consumer.

    Exit code 4 while a gateway lacks it.
    """
    cluster, found = _read(consumer, namespace, context)
    if not credentials.listed(found):
        named, place = found["metadata"]["name"], found["metadata"]["namespace"]
        command = credentials.read_command(place, credentials.in_force(found)[0])
        fail(
            f"{_title(found)} has a key that was generated, which a list of credentials would put out of force.",
            f"read it: {command}; or exchange it: paceline key rotate {named} -n {place}",
        )
    added, value, written = _add(cluster, found, name)
    _wait(cluster, written, timeout)
    _tell(found, added, value if show else "", output)


@app.command()
def rotate(
    consumer: ConsumerArgument,
    revoke_old: Annotated[
        bool, typer.Option("--revoke-old", help="Then remove all older keys: whoever has one is out at once.")
    ] = False,
    name: NameOption = "",
    show: ShowOption = False,
    timeout: TimeoutOption = _WAIT_SECONDS,
    namespace: NamespaceOption = "",
    context: ContextOption = "",
    output: OutputOption = Output.TABLE,
) -> None:
    """Add a second key, wait until every gateway knows it, and say how to remove the first.

    Exit code 4 while a gateway lacks it; then no key was removed.
    """
    cluster, found = _read(consumer, namespace, context)
    old = [each for each in credentials.in_force(found) if each["type"] == "Key"]
    added, value, written = _add(cluster, found, name)
    _wait(cluster, written, timeout)
    if revoke_old:
        gone = {each["name"] for each in old}
        _remove(cluster, _again(cluster, written), gone, timeout)
    _tell(found, added, value if show else "", output)
    if old and not revoke_old:
        named = found["metadata"]["name"]
        hint(f"let the caller change over to it; {', '.join(each['name'] for each in old)} is valid until then. Next:")
        for each in old:
            hint(f"  paceline key revoke {named} {each['name']} -n {found['metadata']['namespace']}")


@app.command()
def revoke(
    consumer: ConsumerArgument,
    credential: Annotated[
        str, typer.Argument(metavar="[CREDENTIAL]", help="Name of the credential that is removed.")
    ] = "",
    suspend: Annotated[
        bool, typer.Option("--suspend", help="Instead, refuse all requests of the Consumer (spec.suspended).")
    ] = False,
    timeout: TimeoutOption = _WAIT_SECONDS,
    namespace: NamespaceOption = "",
    context: ContextOption = "",
) -> None:
    """Remove a credential from the Consumer and wait until no gateway takes it any more. Exit code 4 while one does."""
    cluster, found = _read(consumer, namespace, context)
    if suspend == bool(credential):
        there = ", ".join(each["name"] for each in credentials.in_force(found))
        fail("it must be said what is to be revoked.", f"name one of {there}, or give --suspend", ExitCode.USAGE)
    if suspend:
        changed = {key: value for key, value in found.items() if key != "status"}
        _wait(cluster, _write(cluster, changed | {"spec": found["spec"] | {"suspended": True}}), timeout)
        return
    names = [each["name"] for each in credentials.in_force(found)]
    if credential not in names:
        there = f"there are: {', '.join(names)}"
        fail(f"{_title(found)} has no credential {credential}.", there, ExitCode.NOT_FOUND)
    if len(names) == 1:
        named = f"{found['metadata']['name']} -n {found['metadata']['namespace']}"
        fail(
            f"{credential} is the only credential of {_title(found)}; without any, its generated key would be valid.",
            f"exchange it: paceline key rotate {named} --revoke-old; or let nobody in: paceline key revoke {named} "
            "--suspend",
        )
    _remove(cluster, found, {credential}, timeout)


def _read(consumer: str, namespace: str, context: str) -> tuple[Cluster, Object]:
    cluster = Cluster.connect(context)
    return cluster, find(cluster, CONSUMER, namespace or cluster.namespace, consumer)


def _again(cluster: Cluster, consumer: Object) -> Object:
    metadata = consumer["metadata"]
    return find(cluster, CONSUMER, metadata["namespace"], metadata["name"])


def _title(consumer: Object) -> str:
    return f"Consumer {consumer['metadata']['namespace']}/{consumer['metadata']['name']}"


def _add(cluster: Cluster, consumer: Object, name: str) -> tuple[Object, str, Object]:
    """A key more: the credential, the key itself, and the Consumer as it was written."""
    there = credentials.in_force(consumer)
    names = [each["name"] for each in there]
    if name in names:
        fail(f"{_title(consumer)} has a credential {name} already.", "give another --name, or leave it out")
    if len(there) >= credentials.MOST:
        words = f"{_title(consumer)} has {len(there)} credentials already, of {credentials.MOST} that it may have."
        fail(words, f"revoke one first: {', '.join(names)}")
    name = name or credentials.free_name(consumer)
    secret = credentials.secret(consumer, name)
    path = f"/api/v1/namespaces/{secret['metadata']['namespace']}/secrets"
    made = cluster.create(path, secret)
    if made is None:
        words = f"Secret {secret['metadata']['name']} is there already, and is left alone."
        fail(words, "give another --name, or delete it if nothing refers to it")
    added = credentials.credential(name, secret["metadata"]["name"])
    try:
        written = _write(cluster, credentials.with_credentials(consumer, [*there, added]))
    except CliError:
        _take_back(cluster, path, made)
        raise
    return added, str(next(iter(secret["stringData"].values()))), written


def _take_back(cluster: Cluster, path: str, secret: Object) -> None:
    """Delete a Secret to which nothing came to refer."""
    metadata = secret["metadata"]
    try:
        cluster.delete(f"{path}/{metadata['name']}", metadata["resourceVersion"])
    except CliError as error:
        hint(f"Secret {metadata['name']} was made, is not used, and could not be deleted: {error.message}")


def _remove(cluster: Cluster, consumer: Object, names: set[str], timeout: float) -> None:
    """Take credentials out of the list, and wait."""
    there = credentials.in_force(consumer)
    kept = [each for each in there if each["name"] not in names]
    _wait(cluster, _write(cluster, credentials.with_credentials(consumer, kept)), timeout)
    for each in there:
        if each["name"] in names:
            hint(f"{each['name']} is revoked.{_leftover(consumer, each)}")


def _leftover(consumer: Object, credential: Mapping[str, Any]) -> str:
    if "key" not in credential:
        return ""
    secret, namespace = credential["key"]["secretRef"]["name"], consumer["metadata"]["namespace"]
    return f" Its Secret is there still: kubectl delete secret -n {namespace} {secret}"


def _write(cluster: Cluster, consumer: Object) -> Object:
    metadata = consumer["metadata"]
    return cluster.replace(CONSUMER.path(metadata["namespace"], metadata["name"]), consumer)


def _wait(cluster: Cluster, written: Object, timeout: float) -> None:
    """Wait until every pod of every gateway has the Consumer as it was written.

    Raises:
        CliError: NOT_READY after `timeout` seconds, with the Consumer's own words.
    """
    generation, began = int(written["metadata"]["generation"]), time.monotonic()
    with working("waiting for the gateways"):
        while True:
            ready = condition(_again(cluster, written), "Ready")
            if ready.get("status") == "True" and int(ready.get("observedGeneration", 0)) >= generation:
                hint(f"in force in every gateway after {time.monotonic() - began:.1f} s")
                return
            if time.monotonic() - began >= timeout:
                break
            time.sleep(_LOOK_SECONDS)
    words = f"{ready.get('reason', 'NotYetObserved')}: {ready.get('message', 'the operator has not looked at it')}"
    name, namespace = written["metadata"]["name"], written["metadata"]["namespace"]
    fail(
        f"the change is written, and not in force in every gateway after {timeout:.0f} s; {words}",
        f"see why: paceline explain consumer/{name} -n {namespace}",
        ExitCode.NOT_READY,
    )


def _tell(consumer: Object, added: Object, key: str, output: Output) -> None:
    """Print what was made: the key itself where it is asked for, else the command that reads it."""
    namespace = consumer["metadata"]["namespace"]
    command = credentials.read_command(namespace, added)
    if output is Output.TABLE:
        hint(f"{added['name']} is in Secret {added['key']['secretRef']['name']} of namespace {namespace}")
        out.print(key or command, markup=False)
        return
    shown = {"key": key} if key else {}
    names = {"namespace": namespace, "consumer": consumer["metadata"]["name"], "credential": added["name"]}
    print_data(names | {"secretRef": added["key"]["secretRef"], "readCommand": command} | shown, output)
