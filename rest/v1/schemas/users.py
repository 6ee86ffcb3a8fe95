"""Users over v1."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, ClassVar, Self

from pydantic import ConfigDict, Field

from core.security.passwords import MAX_PASSWORD_BYTES, MIN_PASSWORD_BYTES
from graph.resolvers.validation import MAX_EMAIL, MAX_NAME
from models import User
from rest.v1.schemas.fields import NOT_BLANK, STORABLE, Body, PageOut, example

_NAME: dict[str, Any] = {"minLength": 1, "maxLength": MAX_NAME, "pattern": NOT_BLANK}
_EMAIL: dict[str, Any] = {"format": "email", "maxLength": MAX_EMAIL}


class UserIn(Body):
    """A user to be created."""

    model_config = example(
        {"email": "newuser@example.com", "full_name": "New User", "password": "securepassword123"}
    )

    email: str = Field(json_schema_extra=_EMAIL)
    full_name: str = Field(json_schema_extra=_NAME)
    password: str = Field(
        description=f"{MIN_PASSWORD_BYTES} to {MAX_PASSWORD_BYTES} bytes of UTF-8.",
        json_schema_extra={
            "minLength": MIN_PASSWORD_BYTES,
            "maxLength": MAX_PASSWORD_BYTES,
            "pattern": STORABLE,
        },
    )


class UserPatch(Body):
    """Changes of a user; what is absent (or null) stays as it is."""

    model_config = example({"full_name": "Updated Name", "email": "newemail@example.com"})

    full_name: Annotated[str, Field(json_schema_extra=_NAME)] | None = None
    email: Annotated[str, Field(json_schema_extra=_EMAIL)] | None = None


@dataclass(frozen=True, slots=True)
class UserOut:
    """A user, as ``GET /auth/me`` and ``POST /users`` show one."""

    __pydantic_config__: ClassVar[ConfigDict] = example(
        {
            "id": 123,
            "email": "user@example.com",
            "full_name": "John Doe",
            "is_active": True,
            "is_admin": False,
            "created_at": "2025-01-10T08:00:00Z",
        }
    )

    id: int
    email: str
    full_name: str
    is_active: bool
    is_admin: bool
    created_at: datetime

    @classmethod
    def of(cls, user: User) -> Self:
        """Return the view of a row."""
        return cls(user.id, user.email, user.full_name, user.is_active, user.is_admin, user.created_at)


@dataclass(frozen=True, slots=True)
class UserSummary:
    """A user in a list."""

    id: int
    email: str
    full_name: str
    is_active: bool
    created_at: datetime

    @classmethod
    def of(cls, user: User) -> Self:
        """Return the view of a row."""
        return cls(user.id, user.email, user.full_name, user.is_active, user.created_at)


@dataclass(frozen=True, slots=True)
class UserList(PageOut[UserSummary]):
    """One page of users."""

    __pydantic_config__: ClassVar[ConfigDict] = example(
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

    items: list[UserSummary]


@dataclass(frozen=True, slots=True)
class UserDetail:
    """A user, as ``GET`` and ``PATCH /users/{user_id}`` show one."""

    __pydantic_config__: ClassVar[ConfigDict] = example(
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

    id: int
    email: str
    full_name: str
    is_active: bool
    is_admin: bool
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, user: User) -> Self:
        """Return the view of a row."""
        return cls(
            user.id,
            user.email,
            user.full_name,
            user.is_active,
            user.is_admin,
            user.created_at,
            user.updated_at,
        )
