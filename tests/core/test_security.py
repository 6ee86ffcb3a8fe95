"""Tokens that are not ours are refused, and so are ours in the wrong place."""

import base64
import hmac
import os
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import jwt
import orjson
import pytest

from core.errors import AuthenticationError, TokenExpired, TokenInvalid
from core.security.passwords import NICENESS, PasswordHasher
from core.security.tokens import ALGORITHM, AUDIENCE, ISSUER, TokenIssuer, TokenKind, _key_id
from core.settings import Settings

SECRET = "a secret of the tests, which is long enough to be one"
OTHER = "another secret of the tests, which is long enough too"
SESSION = UUID(int=7)


def issuer(secret: str = SECRET, **values: Any) -> TokenIssuer:
    return TokenIssuer(Settings(secret_key=secret, **values))


def claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    whole = {
        "typ": "access",
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "12",
        "sid": str(SESSION),
        "jti": "x",
        "iat": now,
        "exp": now + 60,
    }
    return {key: value for key, value in (whole | changes).items() if value is not ...}


def signed(payload: dict[str, Any], *, key: str = SECRET, algorithm: str = ALGORITHM, **headers: Any) -> str:
    return jwt.encode(payload, key, algorithm=algorithm, headers={"kid": _key_id(SECRET)} | headers)


def refusal(token: str, kind: TokenKind = TokenKind.ACCESS) -> type[AuthenticationError]:
    with pytest.raises(AuthenticationError) as refused:
        issuer().verify(token, kind)
    return type(refused.value)


@pytest.mark.parametrize("kind", TokenKind)
def test_a_token_says_who_it_is_for(kind: TokenKind) -> None:
    session_id = uuid4()
    found = issuer().verify(issuer().issue(kind, user_id=12, session_id=session_id), kind)
    assert (found.user_id, found.session_id) == (12, session_id)
    assert found.expires_at - found.issued_at == issuer().seconds(kind)


def test_the_yardstick_of_the_refusals_below_is_accepted() -> None:
    assert issuer().verify(signed(claims()), TokenKind.ACCESS).user_id == 12


@pytest.mark.parametrize("kind", TokenKind)
def test_a_token_of_one_kind_does_not_pass_for_the_other(kind: TokenKind) -> None:
    (other,) = set(TokenKind) - {kind}
    assert refusal(issuer().issue(kind, user_id=1, session_id=SESSION), other) is TokenInvalid


@pytest.mark.parametrize(
    "changes",
    [
        {"typ": "refresh"},
        {"typ": "Access"},
        {"typ": None},
        {"iss": "somebody"},
        {"aud": "another-api"},
        {"sub": "me"},
        {"sub": 12},
        {"sid": "no uuid"},
        {"sid": 7},
        {"iat": "then"},
        {"iat": 4_102_444_800},
        {"nbf": 4_102_444_800},
        *({name: ...} for name in claims()),
    ],
    ids=str,
)
def test_a_claim_that_is_wrong_or_missing_makes_it_invalid(changes: dict[str, Any]) -> None:
    assert refusal(signed(claims(**changes))) is TokenInvalid


ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def other_spellings(token: str) -> Iterator[str]:
    """Return what a lenient decoder takes for the same token (RFC 7515 section 2, RFC 4648 section 3.5)."""
    parts = token.split(".")
    for number, part in enumerate(parts):
        for other in (
            part + "=" * (-len(part) % 4),
            part + "=",
            part + "==",
            f" {part}",
            f"{part} ",
            f"{part}\n",
            f"{part}\t",
            f"{part[:5]}\r\n{part[5:]}",
            f"{part[:5]}*{part[5:]}",
            f"{part}\u00a0",
            f"{part}\u0661",
        ):
            if other != part:
                yield ".".join([*parts[:number], other, *parts[number + 1 :]])
    # 32 bytes are 43 characters, whose last one has two bits to spare.
    place = ALPHABET.index(token[-1])
    yield from (token[:-1] + ALPHABET[place + spare] for spare in (1, 2, 3))


@pytest.mark.parametrize("kind", TokenKind)
def test_a_token_has_one_spelling(kind: TokenKind) -> None:
    token = issuer().issue(kind, user_id=12, session_id=SESSION)
    issuer().verify(token, kind)
    for other in other_spellings(token):
        assert refusal(other, kind) is TokenInvalid, other


def test_a_token_signed_with_padding_in_it_is_refused() -> None:
    head, body, _ = signed(claims()).split(".")
    body += "=" * (-len(body) % 4) or "===="
    signature = hmac.digest(SECRET.encode(), f"{head}.{body}".encode(), "sha256")
    assert (
        refusal(f"{head}.{body}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}") is TokenInvalid
    )


def test_an_expired_token_is_told_from_a_wrong_one() -> None:
    assert refusal(signed(claims(exp=int(time.time()) - 1))) is TokenExpired
    assert refusal(signed(claims(exp=1), key=OTHER)) is TokenInvalid


@pytest.mark.parametrize("kind", TokenKind)
@pytest.mark.parametrize("ahead", [1, 30, 59])
def test_the_clock_of_the_server_that_issued_a_token_may_be_ahead(kind: TokenKind, ahead: int) -> None:
    other = TokenIssuer(Settings(secret_key=SECRET), clock=lambda: time.time() + ahead)
    token = other.issue(kind, user_id=12, session_id=SESSION)
    assert issuer().verify(token, kind).user_id == 12


@pytest.mark.parametrize("kind", TokenKind)
@pytest.mark.parametrize("ahead", [75, 3_600, 10**9])
def test_a_token_of_the_future_is_refused(kind: TokenKind, ahead: int) -> None:
    other = TokenIssuer(Settings(secret_key=SECRET), clock=lambda: time.time() + ahead)
    assert refusal(other.issue(kind, user_id=12, session_id=SESSION), kind) is TokenInvalid


@pytest.mark.parametrize("kind", TokenKind)
@pytest.mark.parametrize("ago", [0, 1, 30, 59, 61, 3_600])
def test_a_token_expires_on_the_second(kind: TokenKind, ago: int) -> None:
    ended = claims(typ=kind.value, exp=int(time.time()) - ago)
    assert refusal(signed(ended), kind) is TokenExpired


def test_a_token_that_was_verified_before_still_ends_in_time() -> None:
    now = time.time()
    moment = [now]
    tokens = TokenIssuer(Settings(secret_key=SECRET), clock=lambda: moment[0])
    access, refresh = signed(claims(exp=int(now) + 60)), signed(claims(exp=int(now) + 60, typ="refresh"))
    for _ in range(2):
        assert tokens.verify(access, TokenKind.ACCESS).user_id == 12
        with pytest.raises(TokenInvalid):
            tokens.verify(access, TokenKind.REFRESH)
        with pytest.raises(TokenInvalid):
            tokens.verify(refresh, TokenKind.ACCESS)
    moment[0] += 61
    with pytest.raises(TokenExpired):
        tokens.verify(access, TokenKind.ACCESS)


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tokens whose signatures were checked."""
    checked: list[str] = []
    decode = jwt.decode

    def note(token: str, *args: Any, **options: Any) -> Any:
        checked.append(token)
        return decode(token, *args, **options)

    monkeypatch.setattr("core.security.tokens.jwt.decode", note)
    return checked


def test_a_good_signature_is_checked_once_and_a_bad_one_each_time(checked: list[str]) -> None:
    tokens = issuer()
    good, bad = signed(claims()), signed(claims(), key=OTHER)
    for _ in range(3):
        tokens.verify(good, TokenKind.ACCESS)
        with pytest.raises(TokenInvalid):
            tokens.verify(bad, TokenKind.ACCESS)
    assert (checked.count(good), checked.count(bad)) == (1, 3)
    issuer().verify(good, TokenKind.ACCESS)  # another process, perhaps with other keys
    assert checked.count(good) == 2


def test_only_so_many_tokens_are_remembered(checked: list[str]) -> None:
    tokens = TokenIssuer(Settings(secret_key=SECRET), max_remembered=3)
    sent = [signed(claims(sub=str(number))) for number in range(10)]
    for token in [*sent, *sent[-3:], sent[0]]:
        tokens.verify(token, TokenKind.ACCESS)
    assert checked == [*sent, sent[0]]


def test_only_our_algorithm_is_accepted() -> None:
    unsigned = jwt.encode(claims(), None, algorithm="none", headers={"kid": _key_id(SECRET)})
    assert refusal(unsigned) is TokenInvalid
    head = (
        base64.urlsafe_b64encode(orjson.dumps({"alg": "None", "kid": _key_id(SECRET)})).decode().rstrip("=")
    )
    assert refusal(f"{head}.{unsigned.split('.')[1]}.") is TokenInvalid
    for algorithm in ("HS384", "HS512"):
        assert refusal(signed(claims(), key=SECRET * 3, algorithm=algorithm)) is TokenInvalid


@pytest.mark.parametrize("kid", ["", "unknown", _key_id(OTHER)])
def test_a_token_names_a_key_that_is_known(kid: str) -> None:
    assert refusal(signed(claims(), kid=kid)) is TokenInvalid


def test_a_token_signed_with_another_key_is_refused_whatever_key_it_names() -> None:
    assert refusal(signed(claims(), key=OTHER)) is TokenInvalid


def test_a_token_that_was_tampered_with_is_refused() -> None:
    head, payload, signature = signed(claims()).split(".")
    admin = base64.urlsafe_b64encode(orjson.dumps(claims(sub="1"))).decode().rstrip("=")
    for token in (
        f"{head}.{admin}.{signature}",
        f"{head}.{payload}.",
        f"{head}.{payload}",
        f"{head}..{signature}",
    ):
        assert refusal(token) is TokenInvalid


@pytest.mark.parametrize(
    "token",
    ["", ".", "..", "a.b.c", "\x00", "é.é.é", "x" * 2001, "eyJraWQiOltdfQ.e30.x", "W10.e30.x", "MQ.e30.x"],
)
def test_what_is_no_token_is_refused(token: str) -> None:
    assert refusal(token) is TokenInvalid


def test_a_rotated_key_still_verifies_but_signs_no_more() -> None:
    old = issuer().issue(TokenKind.ACCESS, user_id=1, session_id=SESSION)
    rotated = issuer(OTHER, previous_secret_keys=(SECRET,))
    assert rotated.verify(old, TokenKind.ACCESS).user_id == 1
    assert refusal(rotated.issue(TokenKind.ACCESS, user_id=1, session_id=SESSION)) is TokenInvalid
    with pytest.raises(TokenInvalid):
        issuer(OTHER).verify(old, TokenKind.ACCESS)


def test_no_two_tokens_are_alike() -> None:
    tokens = {issuer().issue(TokenKind.REFRESH, user_id=1, session_id=SESSION) for _ in range(20)}
    assert len(tokens) == 20


@pytest.mark.anyio
async def test_a_password_is_checked_to_its_last_byte() -> None:
    hasher = PasswordHasher(rounds=4, threads=1)
    hashed = await hasher.hash("x" * 72)
    assert await hasher.verify("x" * 72, hashed)
    for wrong in ("x" * 71, "x" * 73, "x" * 71 + "y", ""):
        assert not await hasher.verify(wrong, hashed)
    assert not await hasher.verify("no one has this password", None)
    hasher.close()


@pytest.mark.anyio
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere niceness is the whole process's")
async def test_hashing_gives_way_to_everything_else_in_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def note(password: bytes, digest: bytes) -> bool:
        seen.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
        return True

    monkeypatch.setattr("bcrypt.checkpw", note)
    hasher = PasswordHasher(rounds=4, threads=1)
    await hasher.verify("password", "$2b$04$" + "." * 53)
    hasher.close()
    ours = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    assert seen == [min(19, ours + NICENESS)]
