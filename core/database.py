"""The shop's database: which models it has, and how this process connects to it."""

from typing import Any

from core.errors import AppError, DeadlineExceeded, InternalError, ServiceUnavailable
from core.settings import Settings
from engine import postgres

MODEL_MODULES = ("models", "aerich.models")
APPLICATION_NAME = "tandem"


def tortoise_config(url: str, **options: Any) -> dict[str, Any]:
    """Return Tortoise's (and aerich's) configuration; see :func:`engine.postgres.tortoise_config`."""
    return postgres.tortoise_config(url, models=MODEL_MODULES, application_name=APPLICATION_NAME, **options)


async def connect(settings: Settings, *, kept_open: int = 1) -> None:
    """Set Tortoise up for this process; connections open at first use, *kept_open* of them at once."""
    config = tortoise_config(
        settings.database_url,
        pool_size=settings.database_pool_size,
        kept_open=kept_open,
        observed=not settings.is_production,
        statement_timeout=settings.deadline_seconds,
    )
    await postgres.connect(config)


def shown_error(error: Exception) -> AppError:
    """Return what a caller is shown of an exception: itself, or which kind of outage or defect it is."""
    if isinstance(error, AppError):
        return error
    if postgres.is_unavailable(error):
        return ServiceUnavailable()
    return DeadlineExceeded() if postgres.is_stopped(error) else InternalError()
