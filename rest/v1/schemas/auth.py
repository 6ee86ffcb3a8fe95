"""Sign-ins over v1."""

from typing import Literal

from pydantic import Field, with_config
from typing_extensions import TypedDict

from graph.resolvers.auth import SignIn
from rest.v1.schemas.bounds import PASSWORD, TOKEN, USERNAME, Token
from rest.v1.schemas.fields import Body, example


class LoginIn(Body):
    """Credentials."""

    model_config = example({"username": "user@example.com", "password": "securepassword123"})

    username: str = Field(
        description="The email, however it is written: in upper or lower case, its domain in Unicode or in Punycode.",
        json_schema_extra=USERNAME,
    )
    password: str = Field(json_schema_extra=PASSWORD)


class RefreshIn(Body):
    """A refresh token."""

    model_config = example({"refresh_token": "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9..."})

    refresh_token: str = Field(json_schema_extra=TOKEN)


@with_config(
    example(
        {
            "access_token": "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9...",
            "refresh_token": "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9...",
            "token_type": "bearer",
        }
    )
)
class TokenPair(TypedDict):
    """What a sign-in gives."""

    access_token: Token
    refresh_token: Token
    token_type: Literal["bearer"]


def token_pair(signed_in: SignIn) -> TokenPair:
    return {
        "access_token": signed_in.access_token,
        "refresh_token": signed_in.refresh_token,
        "token_type": "bearer",
    }


@with_config(example({"access_token": "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9...", "token_type": "bearer"}))
class AccessToken(TypedDict):
    """What a refresh gives; the refresh token stays as it is."""

    access_token: Token
    token_type: Literal["bearer"]


def access_token(signed_in: SignIn) -> AccessToken:
    return {"access_token": signed_in.access_token, "token_type": "bearer"}
