"""The shop's database: which models it has, and how this process connects to it."""

from typing import Any

from core.settings import Settings
from engine import postgres

MODEL_MODULES = ("models", "aerich.models")
APPLICATION_NAME = "tandem"


def tortoise_config(url: str, *, pool_size: int = 5, observed: bool = False) -> dict[str, Any]:
    """Return Tortoise's (and aerich's) configuration; see :func:`engine.postgres.tortoise_config`."""
    return postgres.tortoise_config(
        url, models=MODEL_MODULES, application_name=APPLICATION_NAME, pool_size=pool_size, observed=observed
    )


async def connect(settings: Settings) -> None:
    """Set Tortoise up for this process; connections open at first use."""
    config = tortoise_config(
        settings.database_url, pool_size=settings.database_pool_size, observed=not settings.is_production
    )
    await postgres.connect(config)
