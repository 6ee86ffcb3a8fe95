"""Handing mail over: to a real SMTP server over each kind of connection, to the terminal, and to nobody."""

import io
import shutil
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.mail import ConsoleMailer, MailNotSent, Message, NoMailer, SmtpMailer, mailer_for
from core.settings import Settings, SettingsError, load_settings
from tests.smtp import SmtpServer

pytestmark = pytest.mark.anyio

SENDER = "Tandem Störe <no-reply@shop.example.com>"
MESSAGE = Message(
    "ada@example.org", "Grüße", "Ein Link:\n\nhttps://shop.example.com/#token=" + "x" * 90 + "\n.\n"
)
STRONG = "0123456789abcdef" * 4


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """What a server at 127.0.0.1 proves itself with, trusted by this process."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl, which makes the server's certificate, is not installed")
    key, cert = tmp_path / "key.pem", tmp_path / "cert.pem"
    request = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost"
    names = ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    paths = ["-keyout", str(key), "-out", str(cert)]
    subprocess.run(["openssl", *request.split(), *names, *paths], check=True, capture_output=True)
    monkeypatch.setenv("SSL_CERT_FILE", str(cert))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context


def mailer(server: SmtpServer, scheme: str = "smtp", credentials: str = "") -> SmtpMailer:
    return SmtpMailer(f"{scheme}://{credentials}127.0.0.1:{server.port}", SENDER)


async def failure(mailer: SmtpMailer | NoMailer, message: Message = MESSAGE) -> MailNotSent:
    with pytest.raises(MailNotSent) as refused:
        await mailer.send(message)
    assert message.to not in str(refused.value)
    assert "token" not in str(refused.value)
    return refused.value


async def test_a_mail_arrives_as_it_was_written() -> None:
    async with SmtpServer() as server:
        await mailer(server).send(MESSAGE)
    (received,) = server.received
    assert (received.sender, received.recipient) == ("no-reply@shop.example.com", "ada@example.org")
    mail = received.mail
    assert (mail["From"], mail["To"], mail["Subject"]) == (SENDER, "ada@example.org", "Grüße")
    assert mail.get_content().replace("\r\n", "\n") == MESSAGE.text
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Date"]
    assert mail["Message-ID"].endswith("@shop.example.com>")


async def test_a_domain_that_is_not_ascii_needs_nothing_special_from_the_server() -> None:
    async with SmtpServer() as server:
        await mailer(server).send(Message("ada@bücher.example.org", "Hello", "Hello\n"))
    assert server.received[0].recipient == "ada@xn--bcher-kva.example.org"


async def test_a_private_mail_server_gets_its_mail() -> None:
    async with SmtpServer() as server:
        for to in ("ada@mail.local", "ada@shop.test"):
            await mailer(server).send(Message(to, "Hello", "Hello\n"))
    assert [received.recipient for received in server.received] == ["ada@mail.local", "ada@shop.test"]


async def test_a_name_that_is_not_ascii_is_refused_by_a_server_that_cannot_take_it() -> None:
    async with SmtpServer() as server:
        error = await failure(mailer(server), Message("ädä@example.org", "Hello", "Hello\n"))
    assert error.permanent
    assert server.received == []


@pytest.mark.parametrize("scheme", ["smtp+starttls", "smtps"])
async def test_passwords_travel_over_tls(certificate: ssl.SSLContext, scheme: str) -> None:
    side = "tls" if scheme == "smtps" else "starttls"
    options: dict[str, Any] = {side: certificate, "login": ("us@er", "p:w/d")}
    async with SmtpServer(**options) as server:
        await mailer(server, scheme, "us%40er:p%3Aw%2Fd@").send(MESSAGE)
    assert server.received[0].over_tls


@pytest.mark.parametrize("scheme", ["smtp+starttls", "smtps"])
async def test_a_certificate_that_nobody_vouches_for_is_refused(
    certificate: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    side = "tls" if scheme == "smtps" else "starttls"
    options: dict[str, Any] = {side: certificate, "login": ("user", "password")}
    async with SmtpServer(**options) as server:
        assert (await failure(mailer(server, scheme, "user:password@"))).permanent
    assert "AUTH" not in server.commands
    assert server.received == []


async def test_without_starttls_nothing_is_sent_where_it_was_asked_for() -> None:
    async with SmtpServer(login=("user", "password")) as server:
        assert (await failure(mailer(server, "smtp+starttls", "user:password@"))).permanent
    assert "AUTH" not in server.commands
    assert server.received == []


@pytest.mark.parametrize(
    ("refusals", "permanent"),
    [
        ({"MAIL": "451 4.7.1 later"}, False),
        ({"RCPT": "450 4.2.1 ada@example.org is busy"}, False),
        ({"RCPT": "550 5.1.1 ada@example.org is unknown"}, True),
        ({"DATA": "421 4.3.2 going down"}, False),
        ({"DATA": "554 5.6.0 spam"}, True),
        ({"EHLO": "502 what?", "HELO": "421 go away"}, False),
    ],
)
async def test_what_the_server_refuses_is_for_good_or_not(refusals: dict[str, str], permanent: bool) -> None:
    async with SmtpServer(refusals=refusals) as server:
        assert (await failure(mailer(server))).permanent is permanent
    assert server.received == []


async def test_wrong_credentials_are_wrong_for_good() -> None:
    async with SmtpServer(login=("user", "password")) as server:
        assert (await failure(mailer(server, credentials="user:other@"))).permanent


async def test_a_server_that_is_unavailable_may_come_back() -> None:
    async with SmtpServer() as server:
        pass
    assert not (await failure(mailer(server))).permanent


async def test_a_header_cannot_be_smuggled_in() -> None:
    async with SmtpServer() as server:
        error = await failure(mailer(server), Message("ada@example.org", "Hello\nBcc: eve@example.org", ""))
    assert error.permanent
    assert server.received == []


async def test_in_development_the_terminal_shows_the_mail() -> None:
    terminal = io.StringIO()
    await ConsoleMailer(terminal).send(MESSAGE)
    shown = terminal.getvalue()
    assert "To: ada@example.org" in shown
    assert "#token=xxx" in shown


async def test_in_production_without_a_server_a_mail_is_lost_and_said_to_be() -> None:
    error = await failure(NoMailer())
    assert error.permanent
    assert str(error) == "TANDEM_SMTP_URL is not set"


Load = Callable[..., Settings]


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Load:
    def load(**environment: str) -> Settings:
        for name, value in ({"SECRET_KEY": STRONG} | environment).items():
            monkeypatch.setenv(f"TANDEM_{name}", value)
        return load_settings()

    return load


def test_the_settings_choose_the_way(load: Load) -> None:
    assert isinstance(mailer_for(load()), ConsoleMailer)
    assert isinstance(mailer_for(load(ENVIRONMENT="production")), NoMailer)
    chosen = mailer_for(load(SMTP_URL="smtp://relay", MAIL_FROM="Shop <Shop@mail.local>"))
    assert isinstance(chosen, SmtpMailer)
    assert (chosen.host, chosen.port) == ("relay", 25)


@pytest.mark.parametrize(
    ("environment", "complaint"),
    [
        ({"SMTP_URL": "http://relay"}, "TANDEM_SMTP_URL: must be smtp://, smtp+starttls://, smtps://"),
        ({"SMTP_URL": "smtp://"}, "TANDEM_SMTP_URL: must be smtp://"),
        ({"SMTP_URL": "smtp://relay:port"}, "TANDEM_SMTP_URL: "),
        ({"SMTP_URL": "smtp://relay"}, "TANDEM_MAIL_FROM must be set"),
        ({"MAIL_FROM": "nobody"}, "TANDEM_MAIL_FROM: "),
        ({"APP_URL": "shop.example.com"}, "TANDEM_APP_URL: must be the address of the front end"),
        ({"APP_URL": "https://shop.example.com/#/"}, "TANDEM_APP_URL: must be the address of the front end"),
        (
            {"APP_URL": "http://shop.example.com", "ENVIRONMENT": "production"},
            "TANDEM_APP_URL must be an https",
        ),
        (
            {
                "SMTP_URL": "smtp://user:hunter2@relay",
                "MAIL_FROM": "shop@example.com",
                "ENVIRONMENT": "production",
            },
            "TANDEM_SMTP_URL must not send a password without TLS",
        ),
        ({"MAIL_LIMIT_ADDRESS": "-1"}, "TANDEM_MAIL_LIMIT_ADDRESS: "),
    ],
)
def test_settings_that_cannot_be_are_named_and_hide_the_password(
    load: Load, environment: dict[str, str], complaint: str
) -> None:
    with pytest.raises(SettingsError) as refused:
        load(**environment)
    assert str(refused.value).startswith(complaint)
    assert "hunter2" not in str(refused.value)


def test_a_password_in_the_settings_stays_hidden(load: Load) -> None:
    settings = load(
        SMTP_URL="smtps://user:hunter2@relay", MAIL_FROM="Shop <shop@example.com>", APP_URL="https://x.y/"
    )
    assert "hunter2" not in repr(settings)
    assert settings.app_url == "https://x.y"
