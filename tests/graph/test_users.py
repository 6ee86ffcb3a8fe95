"""The mutations of users: who may, what changes, what is refused."""

import asyncio
from typing import Any

import pytest

from graph.types.nodes import encode_id
from models import Session, User
from tests.client import Client
from tests.conftest import ClientWith
from tests.factories import PASSWORD, make_admin, make_order, make_product, make_token, make_tokens, make_user
from tests.graph.documents import attempt, global_id, mutate, refusals

pytestmark = pytest.mark.anyio

NEW: dict[str, Any] = {"email": "new@example.com", "fullName": "New User", "password": "long enough"}


async def test_an_administrator_creates_an_ordinary_user_who_can_sign_in(client: Client) -> None:
    outcome = await mutate(
        client,
        "createUser",
        user=await make_admin(),
        **NEW | {"email": " New@Example.com ", "fullName": " Ünal "},
    )
    created = await User.get(full_name="Ünal")
    assert outcome == {
        "user": {
            "id": global_id(created),
            "databaseId": created.id,
            "email": "new@example.com",
            "fullName": "Ünal",
            "isActive": True,
            "isAdmin": False,
        },
        "errors": [],
    }
    signed_in = await mutate(client, "login", email="new@EXAMPLE.com", password=NEW["password"])
    assert signed_in["user"]["id"] == global_id(created)


@pytest.mark.parametrize("local", ["ÜNAL", "İstanbul", "straße", "Σίσυφος"])
async def test_an_email_of_any_script_is_taken_once_and_signs_in_as_it_was_written(
    client: Client, local: str
) -> None:
    admin, email = await make_admin(), f"{local}@example.com"
    created = await mutate(client, "createUser", user=admin, **NEW | {"email": email})
    assert created["errors"] == []
    signed_in = await mutate(client, "login", email=email, password=NEW["password"])
    assert signed_in["user"] == {"id": created["user"]["id"], "email": created["user"]["email"]}
    again = await mutate(client, "createUser", user=admin, **NEW | {"email": email})
    assert refusals(again) == [("EMAIL_EXISTS", ["input", "email"])]


async def test_everything_wrong_with_a_new_user_is_said_at_once(client: Client) -> None:
    outcome = await mutate(
        client, "createUser", user=await make_admin(), email="nonsense", fullName=" ", password="short"
    )
    assert refusals(outcome) == [
        ("VALIDATION_ERROR", ["input", "email"]),
        ("VALIDATION_ERROR", ["input", "fullName"]),
        ("VALIDATION_ERROR", ["input", "password"]),
    ]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", ""),
        ("email", "a@b"),
        ("email", "a\x00@example.com"),
        ("email", "a@" + "b." * 200 + "com"),
        ("email", "a@example.com" * 50),
        ("fullName", ""),
        ("fullName", "x" * 201),
        ("fullName", "a\x00b"),
        ("password", "1234567"),
        ("password", "x" * 73),
        ("password", "ü" * 37),
        ("password", "12345678\x00"),
    ],
)
async def test_a_value_that_cannot_be_is_refused_at_its_field(client: Client, field: str, value: str) -> None:
    outcome = await mutate(client, "createUser", user=await make_admin(), **NEW | {field: value})
    assert refusals(outcome) == [("VALIDATION_ERROR", ["input", field])]
    assert await User.all().count() == 1


async def test_a_password_of_72_bytes_signs_in_and_one_byte_more_does_not(client: Client) -> None:
    admin, password = await make_admin(), "ü" * 36
    await mutate(client, "createUser", user=admin, **NEW | {"password": password})
    assert (await mutate(client, "login", email=NEW["email"], password=password))["errors"] == []
    outcome = await mutate(client, "login", email=NEW["email"], password=password + "x")
    assert refusals(outcome) == [("INVALID_CREDENTIALS", None)]


@pytest.mark.parametrize(
    "ways",
    [
        ("grüße an zoë", "gru\u0308ße an zoe\u0308", "grüße\u00a0an\u3000zoë"),
        ("\uac01" * 24, "\u1100\u1161\u11a8" * 24),
    ],
)
async def test_a_password_signs_in_however_it_is_typed(client: Client, ways: tuple[str, ...]) -> None:
    admin = await make_admin()
    for number, way in enumerate(ways):
        email = f"new{number}@example.com"
        created = await mutate(client, "createUser", user=admin, **NEW | {"email": email, "password": way})
        assert created["errors"] == []
        for other in ways:
            assert (await mutate(client, "login", email=email, password=other))["errors"] == []
            credentials = {"username": email, "password": other}
            assert (await client.v1("POST", "/auth/login", json=credentials)).status_code == 200
        user = await User.get(email=email)
        change = {"currentPassword": ways[-1], "newPassword": ways[0]}
        assert (await mutate(client, "changePassword", user=user, **change))["errors"] == []
        change = {"newEmail": "other@example.com", "password": ways[-1]}
        assert (await mutate(client, "requestEmailChange", user=user, **change))["errors"] == []


@pytest.mark.parametrize(
    ("password", "message"),
    [
        ("u\u0308" * 7, "Password too short: at least 8 characters"),
        ("\U0001f600\U0001f511", "Password too short: at least 8 characters"),
        ("u\u0308" * 36 + "x", "Password too long: at most 72 bytes"),
        ("\u0301\u0323" * 200_000, "Password too long: at most 72 bytes"),
    ],
    ids=["short", "emoji", "long", "endless"],
)
async def test_a_password_is_measured_in_the_form_in_which_it_is_compared(
    client: Client, password: str, message: str
) -> None:
    outcome = await mutate(client, "createUser", user=await make_admin(), **NEW | {"password": password})
    assert [error["message"] for error in outcome["errors"]] == [message]
    signed_in = await mutate(client, "login", email=NEW["email"], password=password)
    assert refusals(signed_in) == [("INVALID_CREDENTIALS", None)]


async def test_an_email_is_taken_whatever_its_case_until_its_user_is_deleted(client: Client) -> None:
    admin, holder = await make_admin(), await make_user(email="taken@example.com")
    outcome = await mutate(client, "createUser", user=admin, **NEW | {"email": "tAKEN@example.com"})
    assert refusals(outcome) == [("EMAIL_EXISTS", ["input", "email"])]
    assert outcome["errors"][0]["message"] == "User with email taken@example.com already exists"
    await mutate(client, "deleteUser", user=admin, id=global_id(holder))
    outcome = await mutate(client, "createUser", user=admin, **NEW | {"email": "tAKEN@example.com"})
    assert outcome["user"]["email"] == "taken@example.com"


async def test_one_of_many_who_take_an_email_at_the_same_time_gets_it(client: Client) -> None:
    token = await make_token(client.resources, await make_admin())
    outcomes = await asyncio.gather(*(mutate(client, "createUser", token=token, **NEW) for _ in range(8)))
    codes = [[error["code"] for error in outcome["errors"]] for outcome in outcomes]
    assert sorted(codes) == [[], *[["EMAIL_EXISTS"]] * 7]
    assert await User.filter(email=NEW["email"]).count() == 1


async def test_a_user_changes_the_own_profile_and_what_is_left_out_stays(client: Client) -> None:
    user = await make_user(full_name="Before", email="before@example.com")
    outcome = await mutate(client, "updateUser", user=user, id=global_id(user), fullName=" After ")
    assert outcome["errors"] == []
    assert (outcome["user"]["fullName"], outcome["user"]["email"]) == ("After", "before@example.com")
    outcome = await mutate(client, "updateUser", user=user, id=global_id(user), email="BEFORE@example.com")
    assert outcome["user"]["email"] == "before@example.com"
    changed = await User.get(id=user.id)
    assert (changed.version, changed.updated_at > user.updated_at) == (3, True)


async def test_a_change_of_nothing_changes_nothing(client: Client) -> None:
    user = await make_user()
    outcome = await mutate(client, "updateUser", user=user, id=global_id(user), email=None)
    assert outcome["user"]["email"] == user.email
    assert (await User.get(id=user.id)).version == 1


async def test_an_administrator_changes_any_profile_and_others_only_their_own(client: Client) -> None:
    user, other, admin = await make_user(), await make_user(), await make_admin()
    outcome = await mutate(client, "updateUser", user=admin, id=global_id(user), fullName="By admin")
    assert outcome["user"]["fullName"] == "By admin"
    outcome = await mutate(client, "updateUser", user=other, id=global_id(user), fullName="By other")
    assert refusals(outcome) == [("NOT_OWNER", None)]
    assert (await User.get(id=user.id)).full_name == "By admin"


async def test_a_profile_cannot_take_anothers_email_nor_nonsense(client: Client) -> None:
    user, other = await make_user(), await make_user(email="other@example.com")
    for email, code in (("OTHER@example.com", "EMAIL_EXISTS"), ("nonsense", "VALIDATION_ERROR")):
        outcome = await mutate(client, "updateUser", user=user, id=global_id(user), email=email)
        assert refusals(outcome) == [(code, ["input", "email"])]
    assert (await User.get(id=other.id)).email == "other@example.com"


async def test_a_deleted_user_is_gone_but_the_orders_stay(client: Client) -> None:
    admin, user = await make_admin(), await make_user()
    order = await make_order(user, (await make_product(), 1))
    access_token, refresh_token = await make_tokens(client.resources, user)
    outcome = await mutate(client, "deleteUser", user=admin, id=global_id(user))
    assert outcome["user"]["databaseId"] == user.id
    await order.refresh_from_db()
    assert order.user_id == user.id
    assert (await client.graphql("{ me { id } }", token=access_token)).codes == ["TOKEN_INVALID"]
    assert (await client.v1("GET", "/auth/me", token=access_token)).json()["error_code"] == "TOKEN_INVALID"
    renewed = await mutate(client, "refreshToken", refreshToken=refresh_token)
    assert refusals(renewed) == [("REFRESH_TOKEN_INVALID", None)]
    renewal = await client.v1("POST", "/auth/refresh", json={"refresh_token": refresh_token})
    assert renewal.json()["error_code"] == "REFRESH_TOKEN_INVALID"
    for name in ("deleteUser", "updateUser"):
        outcome = await mutate(client, name, user=admin, id=global_id(user))
        assert refusals(outcome) == [("USER_NOT_FOUND", None)]


async def test_a_disabled_user_is_out_at_once_and_may_come_back(client: Client) -> None:
    admin, user = await make_admin(), await make_user()
    access_token, _ = await make_tokens(client.resources, user)
    outcome = await mutate(client, "setUserActive", user=admin, id=global_id(user), isActive=False)
    assert outcome["user"]["isActive"] is False
    assert (await client.graphql("{ me { id } }", token=access_token)).codes == ["TOKEN_INVALID"]
    assert (await client.v1("GET", "/users", token=access_token)).status_code == 401
    outcome = await mutate(client, "login", email=user.email, password=PASSWORD)
    assert refusals(outcome) == [("INVALID_CREDENTIALS", None)]

    outcome = await mutate(client, "setUserActive", user=admin, id=global_id(user), isActive=True)
    assert outcome["user"]["isActive"] is True
    assert (await mutate(client, "login", email=user.email, password=PASSWORD))["errors"] == []
    # What ended stays ended.
    assert (await client.graphql("{ me { id } }", token=access_token)).codes == ["TOKEN_INVALID"]


async def test_an_administrator_is_made_and_unmade(client: Client) -> None:
    admin, user = await make_admin(), await make_user()
    outcome = await mutate(client, "setUserAdmin", user=admin, id=global_id(user), isAdmin=True)
    assert outcome["user"]["isAdmin"] is True
    outcome = await mutate(client, "setUserAdmin", user=user, id=global_id(admin), isAdmin=False)
    assert outcome["user"]["isAdmin"] is False
    assert (await client.graphql("{ allOrders { totalCount } }", user=admin)).codes == ["ADMIN_REQUIRED"]


END_OF_AN_ADMIN: list[tuple[str, dict[str, Any]]] = [
    ("deleteUser", {}),
    ("setUserActive", {"isActive": False}),
    ("setUserAdmin", {"isAdmin": False}),
]


@pytest.mark.parametrize(("name", "values"), END_OF_AN_ADMIN)
async def test_the_last_administrator_stays(client: Client, name: str, values: dict[str, Any]) -> None:
    admin = await make_admin()
    # Neither a deleted nor a disabled administrator can help.
    await make_admin(is_active=False)
    await make_admin(deleted_at=admin.created_at)
    token = await make_token(client.resources, admin)
    outcome = await mutate(client, name, token=token, id=global_id(admin), **values)
    assert refusals(outcome) == [("LAST_ADMIN", None)]
    assert (await client.graphql("{ allOrders { totalCount } }", token=token)).data


@pytest.mark.parametrize(("name", "values"), END_OF_AN_ADMIN)
async def test_two_administrators_who_remove_each_other_leave_one(
    client: Client, name: str, values: dict[str, Any]
) -> None:
    for _ in range(5):
        await User.all().update(is_admin=False)
        pair = [await make_admin(), await make_admin()]
        tokens = [await make_token(client.resources, admin) for admin in pair]
        # The first one may be refused before or after reaching the lock; one of them must be left.
        await asyncio.gather(
            *(
                attempt(client, name, token=token, id=global_id(other), **values)
                for token, other in zip(tokens, reversed(pair), strict=True)
            )
        )
        assert await User.live().filter(is_admin=True, is_active=True).count() == 1


ADMIN_MUTATIONS: list[tuple[str, dict[str, Any]]] = [
    ("createUser", NEW),
    ("deleteUser", {"id": "VXNlcjox"}),
    ("setUserActive", {"id": "VXNlcjox", "isActive": False}),
    ("setUserAdmin", {"id": "VXNlcjox", "isAdmin": True}),
    ("createProduct", {"name": "Kettle", "price": "1.00"}),
    ("updateProduct", {"id": "UHJvZHVjdDox", "name": "Kettle"}),
    ("archiveProduct", {"id": "UHJvZHVjdDox"}),
    ("adjustStock", {"id": "UHJvZHVjdDox", "delta": 1}),
]
OTHER_MUTATIONS: list[tuple[str, dict[str, Any]]] = [
    ("updateUser", {"id": "VXNlcjox", "fullName": "X"}),
    ("changePassword", {"currentPassword": PASSWORD, "newPassword": "long enough"}),
    ("logout", {}),
    ("createOrder", {"items": [], "shippingAddress": "1 Main St"}),
    ("cancelOrder", {"id": "T3JkZXI6MQ=="}),
]


@pytest.mark.parametrize(("name", "values"), ADMIN_MUTATIONS + OTHER_MUTATIONS)
async def test_who_is_not_signed_in_changes_nothing_and_learns_it_at_the_top(
    client: Client, name: str, values: dict[str, Any]
) -> None:
    answer = await attempt(client, name, **values)
    assert answer.codes == ["NOT_AUTHENTICATED"]
    assert answer.body["data"] is None
    assert (await attempt(client, name, token="nonsense", **values)).codes == ["TOKEN_INVALID"]


@pytest.mark.parametrize(("name", "values"), ADMIN_MUTATIONS)
async def test_who_is_no_administrator_is_told_so(client: Client, name: str, values: dict[str, Any]) -> None:
    user = await make_user()
    outcome = await mutate(client, name, user=user, **values)
    assert refusals(outcome) == [("ADMIN_REQUIRED", None)]
    assert (await User.get(id=user.id)).version == 1


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("updateUser", {}),
        ("deleteUser", {}),
        ("setUserActive", {"isActive": False}),
        ("setUserAdmin", {"isAdmin": False}),
        ("updateProduct", {}),
        ("archiveProduct", {}),
        ("adjustStock", {"delta": 1}),
        ("cancelOrder", {}),
    ],
)
async def test_a_mutation_of_what_is_not_there_says_what_is_missing(
    client: Client, name: str, values: dict[str, Any]
) -> None:
    admin = await make_admin()
    kind = "User" if "User" in name else "Order" if "Order" in name else "Product"
    await make_order(admin, (await make_product(), 1))
    outcome = await mutate(client, name, user=admin, id=encode_id(kind, 999), **values)
    assert refusals(outcome) == [(f"{kind.upper()}_NOT_FOUND", None)]
    for wrong in ("garbage", "", "\x00", "U2Vzc2lvbjox"):
        outcome = await mutate(client, name, user=admin, id=wrong, **values)
        assert refusals(outcome) == [("VALIDATION_ERROR", ["input", "id"])]


async def test_a_new_password_works_at_once_and_ends_all_sessions_for_a_new_one(client: Client) -> None:
    user = await make_user()
    here, there = [await make_tokens(client.resources, user) for _ in range(2)]
    values: dict[str, Any] = {"currentPassword": PASSWORD, "newPassword": "another password"}
    outcome = await mutate(client, "changePassword", token=here[0], **values)
    assert outcome["errors"] == []
    # Copies of the present tokens are worth as little as those of other devices.
    for access_token, refresh_token in (here, there):
        assert (await client.graphql("{ me { id } }", token=access_token)).codes == ["TOKEN_INVALID"]
        renewed = await mutate(client, "refreshToken", refreshToken=refresh_token)
        assert refusals(renewed) == [("REFRESH_TOKEN_INVALID", None)]
    assert (await client.graphql("{ me { id } }", token=outcome["accessToken"])).data["me"]
    assert (await mutate(client, "refreshToken", refreshToken=outcome["refreshToken"]))["errors"] == []
    old = await mutate(client, "login", email=user.email, password=PASSWORD)
    assert refusals(old) == [("INVALID_CREDENTIALS", None)]
    new = await mutate(client, "login", email=user.email, password="another password")
    assert new["errors"] == []


async def test_a_password_is_changed_only_by_who_knows_it_and_to_one_that_can_be(client: Client) -> None:
    user = await make_user()
    outcome = await mutate(
        client, "changePassword", user=user, currentPassword="wrong", newPassword="long enough"
    )
    assert refusals(outcome) == [("INVALID_CREDENTIALS", ["input", "currentPassword"])]
    outcome = await mutate(client, "changePassword", user=user, currentPassword=PASSWORD, newPassword="short")
    assert refusals(outcome) == [("VALIDATION_ERROR", ["input", "newPassword"])]
    assert (await User.get(id=user.id)).password_hash == user.password_hash
    assert await Session.filter(user_id=user.id, revoked_at__isnull=False).count() == 0


async def test_whoever_guesses_the_current_password_is_slowed_down(client_with: ClientWith) -> None:
    client = await client_with(password_proof_limit=2)
    token = await make_token(client.resources, await make_user())
    values: dict[str, Any] = {"currentPassword": "wrong", "newPassword": "long enough"}
    codes = []
    for _ in range(3):
        outcome = await mutate(client, "changePassword", token=token, **values)
        codes.append(refusals(outcome)[0][0])
    assert codes == ["INVALID_CREDENTIALS", "INVALID_CREDENTIALS", "RATE_LIMITED"]
