"""An SMTP server that keeps what it is sent: as much of RFC 5321 as a client of ours may ask for."""

import asyncio
import base64
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Self


@dataclass
class Received:
    """One mail, with its envelope, and whether it came over TLS."""

    sender: str
    recipient: str
    mail: EmailMessage
    over_tls: bool


@dataclass
class SmtpServer:
    """Use it as an asynchronous context manager.

    Args:
        tls: speak TLS from the start.
        starttls: offer STARTTLS.
        login: user and password that are asked for.
        refusals: replies to give to a command instead of the usual one.
        speaks: while it is not set, the server takes connections and says nothing.
    """

    tls: ssl.SSLContext | None = None
    starttls: ssl.SSLContext | None = None
    login: tuple[str, str] | None = None
    refusals: dict[str, str] = field(default_factory=dict)
    received: list[Received] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    speaks: asyncio.Event = field(default_factory=asyncio.Event)
    connections: int = 0
    port: int = 0

    def __post_init__(self) -> None:
        self.speaks.set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self.tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(OSError, asyncio.IncompleteReadError):  # the client may leave at any time
                await self._converse(reader, writer)
        finally:
            writer.close()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        secure, sender, recipient = self.tls is not None, "", ""
        self.connections += 1
        await self.speaks.wait()
        writer.write(b"220 mail.example.com ESMTP\r\n")
        while line := (await reader.readline()).decode().rstrip("\r\n"):
            verb, _, rest = line.partition(" ")
            verb = verb.upper()
            self.commands.append(verb)
            if verb in self.refusals:
                reply = self.refusals[verb]
            elif verb == "EHLO":
                reply = self._extensions(secure)
            elif verb == "STARTTLS" and self.starttls is not None:
                writer.write(b"220 go on\r\n")
                await writer.drain()
                await writer.start_tls(self.starttls)
                secure = True
                continue
            elif verb == "AUTH":
                reply = self._authenticate(rest)
            elif verb == "DATA":
                writer.write(b"354 go on\r\n")
                content = (await reader.readuntil(b"\r\n.\r\n"))[:-3].replace(b"\r\n..", b"\r\n.")
                mail = message_from_bytes(content, policy=policy.SMTP)
                self.received.append(Received(sender, recipient, mail, secure))
                reply = "250 kept"
            elif verb == "QUIT":
                writer.write(b"221 bye\r\n")
                return
            else:
                address = rest[rest.find("<") + 1 : rest.find(">")]
                sender, recipient = (
                    (address if verb == "MAIL" else sender),
                    (address if verb == "RCPT" else recipient),
                )
                reply = "250 fine"
            writer.write(f"{reply}\r\n".encode())

    def _extensions(self, secure: bool) -> str:
        offers = ["mail.example.com", "8BITMIME"]
        offers += ["STARTTLS"] if self.starttls and not secure else []
        offers += ["AUTH PLAIN"] if self.login else []
        return "\r\n".join([*(f"250-{offer}" for offer in offers[:-1]), f"250 {offers[-1]}"])

    def _authenticate(self, rest: str) -> str:
        expected = "\0" + "\0".join(self.login or ())
        given = base64.b64decode(rest.partition(" ")[2]).decode()
        return "235 welcome" if given == expected else "535 5.7.8 who are you?"
