"""The files that connections with TLS may need."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
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


@contextmanager
def _named(*paths: str) -> Iterator[None]:
    """The system's errors about files of certificates do not say which file."""
    files = [path for path in paths if path]
    for path in files:
        Path(path).read_bytes()
    try:
        yield
    except ssl.SSLError as error:
        raise ssl.SSLError(f"no usable certificates or keys in {', '.join(files)}: {error}") from None
