"""Users over v1."""

from typing import Annotated

from pydantic import Field, with_config
from typing_extensions import TypedDict

from core.security.passwords import MAX_PASSWORD_BYTES, MIN_PASSWORD_CHARACTERS
from graph.resolvers.pagination import Offset, Page
from graph.resolvers.validation import TRIMMED
from models import User, UserRow
from rest.v1.paging import position
from rest.v1.schemas.bounds import (
    ON_PAGE,
    SENT_EMAIL,
    SENT_NAME,
    Count,
    Email,
    Id,
    Name,
    PageNumber,
    PageSize,
    Time,
)
from rest.v1.schemas.fields import STORABLE, Body, example


class UserIn(Body):
    """A user to be created."""

    model_config = example(
        {"email": "newuser@example.com", "full_name": "New User", "password": "securepassword123"}
    )

    email: str = Field(description=TRIMMED, json_schema_extra=SENT_EMAIL)
    full_name: str = Field(description=TRIMMED, json_schema_extra=SENT_NAME)
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

    full_name: Annotated[str, Field(description=TRIMMED, json_schema_extra=SENT_NAME)] | None = None
    email: Annotated[str, Field(description=TRIMMED, json_schema_extra=SENT_EMAIL)] | None = None


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

    id: Id
    email: Email
    full_name: Name
    is_active: bool
    is_admin: bool
    created_at: Time


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

    id: Id
    email: Email
    full_name: Name
    is_active: bool
    created_at: Time


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

    items: Annotated[list[UserSummary], ON_PAGE]
    total: Count
    page: PageNumber
    page_size: PageSize
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

    updated_at: Time


#: What one user is made from.
DETAIL_COLUMNS = frozenset({"email", "full_name", "is_active", "is_admin", "created_at", "updated_at"})


def user_detail(user: User | UserRow) -> UserDetail:
    return {**user_out(user), "updated_at": user.updated_at}
