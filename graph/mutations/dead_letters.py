"""Mutations of the messages that workers have given up."""

import strawberry

from graph.mutations.binding import mutation
from graph.operations import dead_letters
from graph.types.dead_letters import (
    DropDeadLettersInput,
    DropDeadLettersPayload,
    ReplayDeadLettersInput,
    ReplayDeadLettersPayload,
)
from graph.types.nodes import Info


@strawberry.type
class DeadLetterMutations:
    """Bindings of :mod:`graph.operations.dead_letters`."""

    @mutation
    async def replay_dead_letters(
        self, info: Info, input: ReplayDeadLettersInput
    ) -> ReplayDeadLettersPayload:
        """Send messages again that workers have given up, once the cause is mended. Nothing is done twice by it. For
        administrators.
        """
        count = await dead_letters.replay_dead_letters(info.context, input.keys)
        return ReplayDeadLettersPayload(count=count)

    @mutation
    async def drop_dead_letters(self, info: Info, input: DropDeadLettersInput) -> DropDeadLettersPayload:
        """Delete messages that workers have given up: orders stay in the database, mails are lost. For
        administrators.
        """
        count = await dead_letters.drop_dead_letters(info.context, input.keys)
        return DropDeadLettersPayload(count=count)
