"""TLS on a socket that somebody else reads and writes, so that timing, faults and stamps are those of plain HTTP."""

from __future__ import annotations

import ssl
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_AT_ONCE_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """PEM files. ``key`` None: the certificate's file holds the key too."""

    certificate: Path
    key: Path | None = None

    def context(self) -> ssl.SSLContext:
        """Raises ``OSError`` that names the files where one is missing or holds something else."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            # Without a password given here OpenSSL would ask for one on the terminal.
            context.load_cert_chain(self.certificate, self.key, password="")
        except OSError as error:
            files = " and ".join(str(path) for path in (self.certificate, self.key) if path is not None)
            raise OSError(f"certificate {files}: {error}") from error
        context.set_alpn_protocols(["http/1.1"])
        return context


class TlsLayer:
    """One connection: ciphertext in, plain bytes out, and the other way round."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._has_shaken_hands = False

    def open(self, received: bytes) -> bytes | None:
        """The plain bytes in ``received``; None where the client said that it ends. Raises ``ssl.SSLError``."""
        self._incoming.write(received)
        plain = []
        try:
            if not self._has_shaken_hands:
                self._tls.do_handshake()
                self._has_shaken_hands = True
            while part := self._tls.read(_AT_ONCE_BYTES):
                plain.append(part)
        except ssl.SSLWantReadError:
            return b"".join(plain)
        except ssl.SSLZeroReturnError:
            pass
        return None

    def seal(self, body: bytes) -> bytes:
        """``body`` as ciphertext, after anything that TLS itself has to say."""
        if body:
            self._tls.write(body)
        return self._outgoing.read()

    def farewell(self) -> bytes:
        """Ciphertext that ends the stream in order, so that a client knows it was not cut."""
        # The client's own farewell is still missing, which is an error; this side's is written all the same.
        with suppress(ssl.SSLError):
            self._tls.unwrap()
        return self._outgoing.read()
