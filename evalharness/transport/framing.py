"""HTTP/1.1 as far as an answer's bytes are concerned: where its head ends, what is body, where that ends."""

from __future__ import annotations

from typing import Any

import httptools

#: So much may come without a byte of a body: a head, interim heads before it, extensions of a chunk, trailers.
MAX_FRAMING_BYTES = 64 * 1024


class Framing:
    """Fed with the bytes of one answer, and with whatever a server sends after it."""

    def __init__(self, *, has_no_body: bool = False) -> None:
        """``has_no_body``: the request was a HEAD, so that the head's framing announces what will not come."""
        parser = httptools.HttpResponseParser(self)
        # RFC 9112, 2.2 and 6.3: a line may be taken to end with LF alone, and of two lengths that of the chunks counts.
        # There are servers that write so, and that pad the sizes of chunks; the dangers are those of a proxy.
        parser.set_dangerous_leniencies(
            lenient_optional_cr_before_lf=True,
            lenient_chunked_length=True,
            lenient_spaces_after_chunk_size=True,
        )
        self._parser: Any = parser
        self._has_no_body = has_no_body
        self._pieces: list[bytes] = []
        self._framing_bytes = 0
        #: 0 until the head is whole. Of interim answers (1xx) nothing is kept.
        self.status = 0
        #: Names in lower case, repeated ones joined by ``, ``.
        self.headers: dict[str, str] = {}
        self.raw_headers: list[tuple[bytes, bytes]] = []
        self.is_complete = False
        #: It is complete, nothing came after it, and the server will hear another request.
        self.leaves_open = False

    def feed(self, data: memoryview | bytes) -> tuple[bytes, Exception | None]:
        """What of it is body, and what is wrong with it: then nothing may follow, but the body before it stands.

        What follows a complete answer is no part of it, and only makes that nothing can follow on the connection.
        """
        if self.is_complete:
            self.leaves_open = False
            return b"", None
        error = self._parse(data)
        pieces, self._pieces = self._pieces, []
        self._framing_bytes = 0 if pieces else self._framing_bytes + len(data)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces), error

    def let_go(self) -> None:
        """Nothing more is fed. The parser holds this object's methods: together they would wait for the garbage
        collector, with all that the answer was."""
        self._parser = None

    def _parse(self, data: memoryview | bytes) -> Exception | None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserCallbackError:
            raise
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if not self.is_complete:
                return error
            self.leaves_open = False
        return None

    @property
    def is_endless(self) -> bool:
        """More has come without a byte of a body than any answer needs."""
        return not self.is_complete and self._framing_bytes > MAX_FRAMING_BYTES

    @property
    def has_length(self) -> bool:
        """Whether the end of the body can be told from the end of the connection."""
        return "content-length" in self.headers or self._codings.endswith("chunked")

    @property
    def foreign_coding(self) -> str | None:
        """A transfer coding other than chunked: the body is not to be understood."""
        return None if self._codings in ("chunked", "identity") else self._codings

    @property
    def _codings(self) -> str:
        return self.headers.get("transfer-encoding", "identity").strip().lower()

    # ------------------------------------------------------------ told by the parser

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.status:
            # A trailer: nothing that anybody here waits for.
            return
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        self.headers[key] = f"{self.headers[key]}, {text}" if key in self.headers else text
        self.raw_headers.append((name, value))

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200:
            self.headers.clear()
            self.raw_headers.clear()
        elif not self.status:
            self.status = status
            if self._has_no_body:
                self._complete()

    def on_body(self, data: bytes) -> None:
        if self.is_complete:
            # Of an answer to no request, or to a HEAD.
            self.leaves_open = False
        else:
            self._pieces.append(data)

    def on_message_complete(self) -> None:
        if self.status and not self.is_complete:
            self._complete()

    def on_message_begin(self) -> None:
        if self.is_complete:
            self.leaves_open = False

    def _complete(self) -> None:
        self.is_complete = True
        self.leaves_open = self._parser.should_keep_alive()
