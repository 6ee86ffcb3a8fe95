"""Who calls what, and how often in a day."""

from tortoise import fields
from tortoise.models import Model

from core.http.client_name import MAX_NAME

#: Characters of the name of what is used.
MAX_OPERATION = 255


class ApiUsage(Model):
    """Calls of one client in one day (UTC) that use one thing; unique in all three.

    Rows without a client and without calls say that the thing was counted on this day, if anybody had used it.
    """

    id = fields.BigIntField(primary_key=True)
    day = fields.DateField()
    #: The name that the client gives itself, and nobody proves; no user and no address.
    client = fields.CharField(max_length=MAX_NAME)
    #: An operation of v1, a field of GraphQL's root, or the schema coordinate of something deprecated.
    operation = fields.CharField(max_length=MAX_OPERATION)
    calls = fields.BigIntField()

    class Meta:
        table = "api_usage"
        unique_together = (("day", "client", "operation"),)
