"""The form in which passwords are compared, and what it costs to compare them."""

import bcrypt
import pytest

from core.security.passwords import PasswordHasher, normal_password

pytestmark = pytest.mark.anyio

#: Passwords in their normal form, and ways to type them.
TYPED = {
    "grüße an zoë": ["grüße an zoë", "gru\u0308ße an zoe\u0308", "grüße\u00a0an\u2003zoe\u0308"],
    "\u1f82\uac01 12345": ["\u1f82\uac01 12345", "\u03b1\u0313\u0300\u0345\u1100\u1161\u11a8\u300012345"],
    "Kelvin;12": ["Kelvin;12", "\u212aelvin\u037e12"],
}


@pytest.mark.parametrize(("password", "ways"), TYPED.items())
async def test_a_password_is_one_however_it_is_typed_and_other_passwords_are_not(
    password: str, ways: list[str]
) -> None:
    hasher = PasswordHasher(rounds=4, threads=1)
    for way in ways:
        assert normal_password(way) == password
        hashed = await hasher.hash(way)
        assert bcrypt.checkpw(password.encode(), hashed.encode())
        assert all([await hasher.verify(other, hashed) for other in ways])
        for wrong in (way.swapcase(), way + " ", " " + way, way[:-1]):
            assert not await hasher.verify(wrong, hashed)
    hasher.close()


@pytest.mark.parametrize("typed", [way for ways in TYPED.values() for way in ways])
async def test_a_hash_of_a_password_as_it_was_typed_still_fits(typed: str) -> None:
    hasher = PasswordHasher(rounds=4, threads=1)
    assert await hasher.verify(typed, bcrypt.hashpw(typed.encode(), bcrypt.gensalt(4)).decode())
    hasher.close()


async def test_whatever_becomes_of_a_password_it_costs_as_many_hashes(checked_passwords: list[bytes]) -> None:
    hasher = PasswordHasher(rounds=4, threads=1)
    composed, typed = TYPED["grüße an zoë"][:2]
    hashes = [
        await hasher.hash(composed),
        bcrypt.hashpw(typed.encode(), bcrypt.gensalt(4)).decode(),
        await hasher.hash("another one"),
        None,
    ]
    for password, expected in ((typed, [composed.encode(), typed.encode()]), (composed, [composed.encode()])):
        for hashed in hashes:
            checked_passwords.clear()
            await hasher.verify(password, hashed)
            assert checked_passwords == expected
    hasher.close()


async def test_a_password_is_measured_in_its_normal_form_and_a_long_one_not_composed_at_all() -> None:
    hasher = PasswordHasher(rounds=4, threads=1)
    composed, typed = "ü" * 36, "u\u0308" * 36
    assert (len(composed.encode()), len(typed.encode())) == (72, 108)
    assert await hasher.verify(typed, await hasher.hash(composed))
    assert not await hasher.verify(typed + "x", await hasher.hash(composed))
    longest = "\u03b1\u0313\u0300\u0345" * 24
    assert len(normal_password(longest).encode()) == 72
    endless = "\u0301\u0323" * 500_000  # NFC takes quadratic time for this
    assert normal_password(endless) == endless
    assert not await hasher.verify(endless, None)
    hasher.close()
