"""``tandem doctor``: whether Tandem can run here, and what to do where it cannot.

It changes nothing, and asks every server for a few seconds at most. What hinders is a fault; what somebody may want
like that, but should know of, is a warning.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterable

from core.mail import MailNotSent, SmtpMailer, mailer_for
from core.settings import Settings, SettingsError, load_settings, unknown_variables
from graph.operations.doctor_database import look_at_database, look_at_owner
from graph.operations.doctor_redis import look_at_redis
from graph.operations.findings import Finding, Findings, State

#: Seconds that one server may take for all that it is asked.
CHECK_SECONDS = 5.0
#: Seconds that a mail server may take for each of its answers.
MAIL_SECONDS = 2.0

_Look = Callable[[Settings, Findings], Awaitable[None]]


async def examine() -> list[Finding]:
    """Look at everything, all servers at once, and return what was found, in the order of a start."""
    found = Findings("settings")
    for name, like in unknown_variables(os.environ).items():
        remedy = f"Did you mean {like}?" if like else "Remove it."
        found.warning(f"{name} is no setting of Tandem, and is ignored.", remedy)
    try:
        settings = load_settings()
    except SettingsError as error:
        for line in str(error).splitlines():
            found.fault(f"{line}.", "Correct the variable: docs/operations.md, Settings, lists all.")
        return found.list
    _look_at_settings(settings, found)
    looks: dict[str, _Look] = {"PostgreSQL": look_at_database, "Redis": look_at_redis, "mail": look_at_mail}
    if settings.database_owner_url:
        looks["PostgreSQL, owner"] = look_at_owner
    parts = await asyncio.gather(*(_within_time(name, look, settings) for name, look in looks.items()))
    return sum(parts, found.list)


def is_well(findings: Iterable[Finding]) -> bool:
    """Tell whether nothing hinders."""
    return all(finding.state is not State.FAULT for finding in findings)


async def _within_time(name: str, look: _Look, settings: Settings) -> list[Finding]:
    found = Findings(name)
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await look(settings, found)
    except TimeoutError:
        found.fault(
            f"No answer within {CHECK_SECONDS:.0f} seconds.",
            "See that the server runs, that its address is right, and that no firewall swallows connections to it.",
        )
    return found.list


def _look_at_settings(settings: Settings, found: Findings) -> None:
    if "environment" in settings.model_fields_set:
        found.ok(f"They can be read, and are for {settings.environment.value}.")
    else:
        found.warning(
            "TANDEM_ENVIRONMENT is not set, so this is development: lenient, and not for anybody else's data.",
            "Set it to production or development.",
        )


async def look_at_mail(settings: Settings, found: Findings) -> None:
    """Sign in at the mail server, and send nothing."""
    mailer = mailer_for(settings)
    if not isinstance(mailer, SmtpMailer):
        if settings.is_production:
            found.warning(
                "TANDEM_SMTP_URL is not set: every mail is lost.", "Set it, or have no lost passwords."
            )
        else:
            found.ok("Mails are printed where the worker runs: this is development.")
        return
    try:
        await mailer.check(timeout=MAIL_SECONDS)
    except MailNotSent as error:
        found.fault(
            f"The mail server {mailer.host}, port {mailer.port}, takes no mail: {error}.",
            "See that TANDEM_SMTP_URL has its name, port, user and password; mails wait for an hour meanwhile.",
        )
    else:
        found.ok(f"The mail server {mailer.host}, port {mailer.port}, answers.")
