"""Mailers: what takes a mail, over SMTP, in the terminal or not at all.

Only workers hand mail over, after the commit, so no request waits for a mail server and none is answered
sooner or later for what a mail server says.
"""

import asyncio
import smtplib
import ssl
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, make_msgid, parseaddr
from typing import Any, Protocol, TextIO
from urllib.parse import unquote, urlsplit

from core.email_addresses import EmailNotValidError, parse_email
from core.settings import Settings

#: Seconds that a mail server may take for each of its answers.
TIMEOUT_SECONDS = 10
_PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}


@dataclass(frozen=True, slots=True)
class Message:
    """One plain-text mail to one address."""

    to: str
    subject: str
    text: str


class MailNotSent(Exception):
    """A mail was not taken. The text says why, without the recipient's address or the mail's contents.

    Args:
        permanent: the same mail would be refused again.
    """

    def __init__(self, reason: str, *, permanent: bool) -> None:
        super().__init__(reason)
        self.permanent = permanent


class Mailer(Protocol):
    """What takes mail."""

    async def send(self, message: Message) -> None:
        """Hand one mail over.

        Raises:
            MailNotSent: it was not taken.
        """


class ConsoleMailer:
    """Development: shows each mail in the terminal.

    Args:
        stream: standard output as it is at that time, if not given.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream

    async def send(self, message: Message) -> None:
        """Print one mail; never fails for what it says."""
        head = f"To: {message.to}\nSubject: {message.subject}\n\n{message.text}"
        lines = "\n".join(f"  | {line}".rstrip() for line in head.splitlines())
        stream = self._stream or sys.stdout
        stream.write(f"\n  Mail (not sent: this is development)\n{lines}\n\n")
        stream.flush()


class NoMailer:
    """Production without a mail server: everything else works, and each mail that is lost is reported."""

    async def send(self, message: Message) -> None:  # noqa: ARG002 - part of the protocol
        raise MailNotSent("TANDEM_SMTP_URL is not set", permanent=True)


class SmtpMailer:
    """Hands mail to an SMTP server (RFC 5321), in a thread: a mail now and then is worth no asynchronous client.

    Args:
        url: ``smtp://``, ``smtp+starttls://`` or ``smtps://``, then ``user:password@host:port``; user, password
            and port may be missing. Certificates are verified.
        sender: the address in ``From``, perhaps with a name.
    """

    def __init__(self, url: str, sender: str) -> None:
        parts = urlsplit(url)
        self._scheme = parts.scheme
        self.host = parts.hostname or ""
        self.port = parts.port or _PORTS[parts.scheme]
        self._user, self._password = unquote(parts.username or ""), unquote(parts.password or "")
        name, plain = parseaddr(sender)
        address = parse_email(plain)
        self._domain = address.ascii_domain
        self._sender = Address(name, addr_spec=address.ascii_email or address.normalized)

    async def send(self, message: Message) -> None:
        """Hand one mail over.

        Raises:
            MailNotSent: the server cannot be reached, or does not want it.
        """
        await self._hand_over(self._send, message)

    async def check(self, *, timeout: float) -> None:  # noqa: ASYNC109 - of each answer
        """Connect and sign in as for a mail, and send none.

        Args:
            timeout: seconds that the server may take for each of its answers.

        Raises:
            MailNotSent: that cannot be done.
        """
        await self._hand_over(self._sign_in, timeout)

    async def _hand_over(self, work: Callable[[Any], None], argument: object) -> None:
        try:
            await asyncio.to_thread(work, argument)
        except smtplib.SMTPRecipientsRefused as error:
            codes = [code for code, _ in error.recipients.values()]
            raise _failure(error, min(codes)) from None
        except smtplib.SMTPResponseException as error:
            raise _failure(error, error.smtp_code) from None
        except (smtplib.SMTPNotSupportedError, MessageError, EmailNotValidError, ValueError) as error:
            raise MailNotSent(type(error).__name__, permanent=True) from None
        except (smtplib.SMTPException, OSError) as error:
            raise MailNotSent(f"{type(error).__name__}: {error}", permanent=False) from None

    def _send(self, message: Message) -> None:
        to = parse_email(message.to)
        # With an address in ASCII the server need not know SMTPUTF8 (RFC 6531), even if the domain is not.
        recipient = to.ascii_email or to.normalized
        mail = EmailMessage(policy=SMTP)
        mail["From"], mail["To"], mail["Subject"] = self._sender, recipient, message.subject
        mail["Date"], mail["Message-ID"] = formatdate(), make_msgid(domain=self._domain)
        mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no automatic answers, please
        mail.set_content(message.text)
        with self._connect(TIMEOUT_SECONDS) as server:
            server.send_message(mail, self._sender.addr_spec, [recipient])

    def _sign_in(self, timeout: float) -> None:
        with self._connect(timeout):
            pass

    @contextmanager
    def _connect(self, timeout: float) -> Iterator[smtplib.SMTP]:
        with self._open(timeout) as server:
            if self._user:
                server.login(self._user, self._password)
            yield server

    def _open(self, timeout: float) -> smtplib.SMTP:
        # Named after the sender's domain: looking up a name of this machine can take seconds.
        place = (self.host, self.port, self._domain)
        if self._scheme == "smtps":
            context = ssl.create_default_context()
            return smtplib.SMTP_SSL(*place, timeout=timeout, context=context)
        server = smtplib.SMTP(*place, timeout=timeout)
        try:
            if self._scheme == "smtp+starttls":
                server.starttls(context=ssl.create_default_context())
        except BaseException:
            server.close()
            raise
        return server


def _failure(error: smtplib.SMTPException, code: int) -> MailNotSent:
    # The server's own words often repeat the address.
    return MailNotSent(f"{type(error).__name__}, code {code}", permanent=code >= 500)


def mailer_for(settings: Settings) -> Mailer:
    """Return what the settings ask for: SMTP, the terminal in development, or nothing in production."""
    if url := settings.smtp_url.get_secret_value():
        return SmtpMailer(url, settings.mail_from)
    return NoMailer() if settings.is_production else ConsoleMailer()
