"""Users over v1."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field, with_config
from typing_extensions import TypedDict

from core.email_addresses import MAX_EMAIL
from core.security.passwords import MAX_PASSWORD_BYTES, MIN_PASSWORD_CHARACTERS
from graph.resolvers.pagination import Offset, Page
from graph.resolvers.validation import MAX_NAME, TRIMMED
from models import User, UserRow
from rest.v1.paging import position
from rest.v1.schemas.fields import NOT_BLANK, STORABLE, Body, example

_NAME: dict[str, Any] = {"minLength": 1, "maxLength": MAX_NAME, "pattern": NOT_BLANK}
_EMAIL: dict[str, Any] = {"format": "email", "maxLength": MAX_EMAIL}


class UserIn(Body):
    """A user to be created."""

    model_config = example(
        {"email": "newuser@example.com", "full_name": "New User", "password": "securepassword123"}
    )

    email: str = Field(description=TRIMMED, json_schema_extra=_EMAIL)
    full_name: str = Field(description=TRIMMED, json_schema_extra=_NAME)
    password: str = Field(
        description=f"At least {MIN_PASSWORD_CHARACTERS} characters and at most {MAX_PASSWORD_BYTES} bytes of UTF-8,"
        " its letters composed (NFC).",
        json_schema_extra={
            # Lengths of JSON Schema are characters, each of one to four bytes.
            "minLength": MIN_PASSWORD_CHARACTERS,
            "maxLength": MAX_PASSWORD_BYTES,
            "pattern": STORABLE,
        },
    )


class UserPatch(Body):
    """Changes of a user; what is absent (or null) stays as it is."""

    model_config = example({"full_name": "Updated Name", "email": "newemail@example.com"})

    full_name: Annotated[str, Field(description=TRIMMED, json_schema_extra=_NAME)] | None = None
    email: Annotated[str, Field(description=TRIMMED, json_schema_extra=_EMAIL)] | None = None


@with_config(
    example(
        {
            "id": 123,
            "email": "user@example.com",
            "full_name": "John Doe",
            "is_active": True,
            "is_admin": False,
            "created_at": "2025-01-10T08:00:00Z",
        }
    )
)
class UserOut(TypedDict):
    """A user, as ``GET /auth/me`` and ``POST /users`` show one."""

    id: int
    email: str
    full_name: str
    is_active: bool
    is_admin: bool
    created_at: datetime


def user_out(user: User | UserRow) -> UserOut:
    return {
        "id": user.id,
        "email": user.email,
        "full_name": user.full_name,
        "is_active": user.is_active,
        "is_admin": user.is_admin,
        "created_at": user.created_at,
    }


class UserSummary(TypedDict):
    """A user in a list."""

    id: int
    email: str
    full_name: str
    is_active: bool
    created_at: datetime


#: What a user in a list is made from.
SUMMARY_COLUMNS = frozenset({"email", "full_name", "is_active", "created_at"})


def user_summary(user: UserRow) -> UserSummary:
    return {
        "id": user.id,
        "email": user.email,
        "full_name": user.full_name,
        "is_active": user.is_active,
        "created_at": user.created_at,
    }


@with_config(
    example(
        {
            "items": [
                {
                    "id": 123,
                    "email": "user@example.com",
                    "full_name": "John Doe",
                    "is_active": True,
                    "created_at": "2025-01-10T08:00:00Z",
                }
            ],
            "total": 150,
            "page": 1,
            "page_size": 20,
            "has_next": True,
        }
    )
)
class UserList(TypedDict):
    """One page of users."""

    items: list[UserSummary]
    total: int
    page: int
    page_size: int
    has_next: bool


def user_list(page: Page[UserRow], total: int, paging: Offset) -> UserList:
    """Return the view of a page; *total* is the length of the whole list."""
    return {"items": [user_summary(user) for user in page.rows], **position(page, total, paging)}


@with_config(
    example(
        {
            "id": 123,
            "email": "user@example.com",
            "full_name": "John Doe",
            "is_active": True,
            "is_admin": False,
            "created_at": "2025-01-10T08:00:00Z",
            "updated_at": "2025-01-12T14:20:00Z",
        }
    )
)
class UserDetail(UserOut):
    """A user, as ``GET`` and ``PATCH /users/{user_id}`` show one."""

    updated_at: datetime


#: What one user is made from.
DETAIL_COLUMNS = frozenset({"email", "full_name", "is_active", "is_admin", "created_at", "updated_at"})


def user_detail(user: User | UserRow) -> UserDetail:
    return {**user_out(user), "updated_at": user.updated_at}
