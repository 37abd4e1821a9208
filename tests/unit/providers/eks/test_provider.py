from __future__ import annotations

import subprocess
import sys

from providers import load
from providers.eks.options import EksOptions
from scanner.ports import Provider


def test_the_port_is_met() -> None:
    provider: Provider = load("eks")
    assert (provider.kind, provider.title) == ("eks", "Amazon EKS")
    assert provider.options is EksOptions


def test_loading_it_and_printing_its_permissions_loads_no_sdk() -> None:
    code = (
        "import sys; from providers import load; p = load('eks'); p.permissions(); p.options();"
        " print([name for name in ('boto3', 'botocore') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True)  # noqa: S603 - our own
    assert done.stdout == "[]\n"
