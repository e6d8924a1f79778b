"""An engine of an ipyparallel cluster: the kernel, driven by the cluster's schedulers.

It alone unpickles what it is sent; nothing else imports this package but the command that starts an
engine.
"""

from __future__ import annotations

from assay._platform import require_kernel_system

require_kernel_system()  # what is imported next would fail, and not say why

from assay.kernel.engine._main import main  # noqa: E402 - see above

__all__ = ["main"]
