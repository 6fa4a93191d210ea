"""The files that connections with TLS may need."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """Paths of PEM files; empty ones are not used. The key may be in the certificate's file."""

    authorities: str = ""
    certificate: str = ""
    key: str = ""

    def context(self) -> ssl.SSLContext:
        """Checks the server's certificate. Raises OSError (SSLError included) that names the file."""
        with _named(self.authorities):
            context = ssl.create_default_context(cafile=self.authorities or None)
        if self.certificate:
            with _named(self.certificate, self.key):
                # A password would be asked for at the terminal.
                context.load_cert_chain(self.certificate, self.key or None, password=lambda: "")
        return context


NO_FILES = TlsFiles()


class _named:  # noqa: N801
    """The system's errors about files of certificates do not say which file."""

    def __init__(self, *paths: str) -> None:
        self._paths = [path for path in paths if path]

    def __enter__(self) -> None:
        for path in self._paths:
            Path(path).read_bytes()

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, ssl.SSLError):
            raise ssl.SSLError(f"no usable certificates or keys in {', '.join(self._paths)}: {error}") from None
