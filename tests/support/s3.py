"""A local S3: moto's server, in this process."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config
from moto.server import ThreadedMotoServer

KEY, SECRET = "AKIACANARYCANARYCANA", "canary/secret/canary/secret/canary/secre"
CREDENTIALS = f"[default]\naws_access_key_id = {KEY}\naws_secret_access_key = {SECRET}\nregion = us-east-1\n"


@dataclass(frozen=True)
class Store:
    """A server with one bucket called models."""

    url: str
    client: Any

    def put(self, files: Mapping[str, bytes], prefix: str = "llama/", **arguments: Any) -> None:
        for name, body in files.items():
            self.client.put_object(Bucket="models", Key=prefix + name, Body=body, **arguments)


@contextmanager
def store() -> Iterator[Store]:
    """A server for a block."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        url = f"http://{host}:{port}"
        client = boto3.client(
            "s3",
            endpoint_url=url,
            aws_access_key_id=KEY,
            aws_secret_access_key=SECRET,
            region_name="us-east-1",
            config=Config(retries={"max_attempts": 1}),
        )
        client.create_bucket(Bucket="models")
        yield Store(url, client)
        client.close()
    finally:
        server.stop()
