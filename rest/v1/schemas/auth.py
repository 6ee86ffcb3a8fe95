"""Sign-ins over v1."""

from dataclasses import dataclass
from typing import ClassVar, Literal, Self

from pydantic import ConfigDict, Field

from graph.resolvers.auth import SignIn
from rest.v1.schemas.fields import Body, example


class LoginIn(Body):
    """Credentials."""

    model_config = example({"username": "user@example.com", "password": "securepassword123"})

    username: str = Field(description="The email, whatever its case.")
    password: str


class RefreshIn(Body):
    """A refresh token."""

    model_config = example({"refresh_token": "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9..."})

    refresh_token: str


@dataclass(frozen=True, slots=True)
class TokenPair:
    """What a sign-in gives."""

    __pydantic_config__: ClassVar[ConfigDict] = example(
        {
            "access_token": "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9...",
            "refresh_token": "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9...",
            "token_type": "bearer",
        }
    )

    access_token: str
    refresh_token: str
    token_type: Literal["bearer"]

    @classmethod
    def of(cls, signed_in: SignIn) -> Self:
        """Return the view of a sign-in."""
        return cls(signed_in.access_token, signed_in.refresh_token, "bearer")


@dataclass(frozen=True, slots=True)
class AccessToken:
    """What a refresh gives; the refresh token stays as it is."""

    __pydantic_config__: ClassVar[ConfigDict] = example(
        {"access_token": "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9...", "token_type": "bearer"}
    )

    access_token: str
    token_type: Literal["bearer"]

    @classmethod
    def of(cls, signed_in: SignIn) -> Self:
        """Return the view of a refreshed sign-in."""
        return cls(signed_in.access_token, "bearer")
