"""What ``tandem audit`` tells of an audit."""

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime

import asyncpg
import orjson

from core.counted import counted
from core.service_errors import ServiceError, database_error
from core.settings import Settings
from engine.postgres import DATABASE_ERRORS
from models.audit import RULES, Finding, audit
from models.readiness import NOT_MIGRATED


async def print_audit(
    settings: Settings,
    say: Callable[[str], None],
    *,
    jobs: int,
    as_json: bool,
    advance: Callable[[float], None],
) -> bool:
    """Audit the database of the settings, and tell whether nothing was found.

    Args:
        say: told each finding at once and a sentence in the end, or one JSON document.
        jobs: connections that share the work.
        advance: told each part of the whole that is done.

    Raises:
        ServiceError: the database does not answer, or refuses, or is not migrated.
    """
    begun = datetime.now(UTC)

    def tell(finding: Finding) -> None:
        if not as_json:
            say(f"{finding.rule}: {finding.table} {finding.id}: {finding.problem}")

    try:
        found = await audit(settings.database_url, jobs=jobs, on_finding=tell, on_progress=advance)
    except (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError) as error:
        raise ServiceError(f"The database of TANDEM_DATABASE_URL is {NOT_MIGRATED}.") from error
    except DATABASE_ERRORS as error:
        raise database_error(error) from error
    say(_document(found, begun) if as_json else _sentence(found))
    return not found


def _sentence(found: list[Finding]) -> str:
    if not found:
        return f"Each of {counted(len(RULES), 'rule')} holds for every row."
    broken = Counter(finding.rule for finding in found)
    return "\n".join(
        [
            f"{counted(len(found), 'row')} {'breaks' if len(found) == 1 else 'break'} {counted(len(broken), 'rule')}:"
        ]
        + [f"  {rule.name} ({broken[rule.name]}): {rule.proves}" for rule in RULES if rule.name in broken]
    )


def _document(found: list[Finding], begun: datetime) -> str:
    broken = Counter(finding.rule for finding in found)
    rules = [{"name": rule.name, "proves": rule.proves, "findings": broken[rule.name]} for rule in RULES]
    seconds = round((datetime.now(UTC) - begun).total_seconds(), 3)
    document = {
        "at": begun,
        "seconds": seconds,
        "rules": rules,
        "findings": [asdict(finding) for finding in found],
    }
    return orjson.dumps(document, option=orjson.OPT_INDENT_2).decode()
