"""The people of the sample data, whom the playground offers to sign in as outside production.

Everybody knows their passwords: they stand in the README. ``tandem demo`` stores them, and refuses production.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DemoPerson:
    """Somebody to sign in as; *label* is what a button says."""

    label: str
    email: str
    full_name: str
    password: str
    is_admin: bool = False


ADMIN = DemoPerson("Admin", "admin@example.com", "Grace Hopper", "tandem-admin-demo", is_admin=True)
CUSTOMER = DemoPerson("Ada", "ada@example.com", "Ada Lovelace", "tandem-user-demo")
DEMO_PEOPLE = (ADMIN, CUSTOMER)
