"""Starts the fast fake of AWS for a benchmark, over HTTP or HTTPS, and leads both sides to it by their environment."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO

import trustme


@dataclass(frozen=True, slots=True)
class Served:
    """What a fake has done: the CPU seconds that it took, and where it counts them, the calls of each operation."""

    cpu: float
    calls: Mapping[str, int]


@contextmanager
def fake(module: str = "tests.bench.fake_eks", **options: str) -> Iterator[tuple[dict[str, str], Callable[[], Served]]]:
    """Run a fake in a process of its own; yield the environment that leads boto3 to it, and what ends it.

    Ending it tells what it served. The options are those of the module.
    """
    arguments = [sys.executable, "-m", module, *(word for pair in options.items() for word in pair)]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:  # noqa: S603 - our own module
        if server.stdin is None or server.stdout is None:
            raise SystemExit("the fake has no pipes")
        port, answers = server.stdout.readline().strip(), server.stdout
        environment = {
            "AWS_ENDPOINT_URL": f"{'https' if 'tls' in options else 'http'}://127.0.0.1:{port}",
            "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        if "tls" in options:
            environment["AWS_CA_BUNDLE"] = f"{options['tls']}/ca.pem"

        ended: list[Served] = []

        def finish(pipe: IO[str] = server.stdin) -> Served:
            if not ended:
                pipe.close()
                ended.append(Served(**json.loads(answers.readline())))
            return ended[0]

        yield environment, finish
        finish()


@contextmanager
def certificates() -> Iterator[str]:
    """Make a CA that is as large a bundle as a machine's, and a server's certificate; give their directory."""
    with TemporaryDirectory() as folder:
        authority = trustme.CA()
        others = Path(trusted()).read_bytes()
        (Path(folder) / "ca.pem").write_bytes(authority.cert_pem.bytes() + others)
        authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(f"{folder}/server.pem")
        yield folder


def trusted() -> str:
    """Give botocore's own CA bundle: loading so many certificates is what a connection of boto3 costs."""
    from botocore.httpsession import get_cert_path  # noqa: PLC0415 - loads much

    return str(get_cert_path(verify=True))
