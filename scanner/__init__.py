"""k8s-audit-coverage: if someone broke in tonight, would the audit log show it?"""

from typing import Final

__version__: Final = "0.1.0"
