"""Users over v1."""

from typing import Any

import pytest

from models import Session, User
from tests.conftest import ClientWith
from tests.factories import PASSWORD, make_admin, make_order, make_product, make_token, make_user
from tests.rest.conformance import Call

pytestmark = pytest.mark.anyio

NEW_USER = {"email": "newuser@example.com", "full_name": "New User", "password": "securepassword123"}


async def test_an_admin_creates_a_user_who_can_sign_in(v1: Call) -> None:
    answer = await v1("POST", "/users", user=await make_admin(), json=NEW_USER | {"is_admin": True})
    assert answer.status_code == 201
    body = answer.json()
    assert (body["email"], body["is_active"], body["is_admin"]) == ("newuser@example.com", True, False)
    assert answer.headers["location"] == f"/api/v1/users/{body['id']}"
    login = {"username": NEW_USER["email"], "password": NEW_USER["password"]}
    assert (await v1("POST", "/auth/login", json=login)).status_code == 200


async def test_a_taken_email_is_refused_whatever_its_case(v1: Call) -> None:
    admin = await make_admin()
    await make_user(email="newuser@example.com")
    answer = await v1("POST", "/users", user=admin, json=NEW_USER | {"email": "NewUser@example.com"})
    assert answer.status_code == 400
    assert answer.json() == {
        "detail": "User with email newuser@example.com already exists",
        "error_code": "EMAIL_EXISTS",
    }


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({"email": "nonsense"}, ["email"]),
        ({"email": "a@b@example.com"}, ["email"]),
        ({"password": "short"}, ["password"]),
        ({"password": "x" * 73}, ["password"]),
        ({"password": "ü" * 37}, ["password"]),
        ({"full_name": "  "}, ["full_name"]),
        ({"full_name": "x" * 201}, ["full_name"]),
        ({"full_name": "a\0b"}, ["full_name"]),
        ({"email": "nonsense", "password": "short"}, ["email", "password"]),
        ({"email": None, "full_name": 1, "password": ["x"]}, ["email", "full_name", "password"]),
    ],
)
async def test_a_user_that_cannot_be_is_refused_with_every_reason(
    v1: Call, change: dict[str, Any], fields: list[str]
) -> None:
    answer = await v1("POST", "/users", user=await make_admin(), json=NEW_USER | change)
    assert answer.status_code == 422
    body = answer.json()
    assert [problem["field"] for problem in body["errors"]] == fields
    assert body["detail"] == body["errors"][0]["message"]
    assert await User.all().count() == 1


async def test_only_an_admin_creates_or_deletes_users(v1: Call) -> None:
    user = await make_user()
    for method, path in (("POST", "/users"), ("DELETE", f"/users/{user.id}")):
        body = {} if method == "DELETE" else {"json": {"email": 1}}
        anonymous = await v1(method, path, **body)
        assert (anonymous.status_code, anonymous.json()["detail"]) == (401, "Not authenticated")
        ordinary = await v1(method, path, user=user, **body)
        assert (ordinary.status_code, ordinary.json()["detail"]) == (403, "Not an admin")


async def test_users_are_listed_newest_first_in_pages(v1: Call) -> None:
    users = [await make_user() for _ in range(5)]
    newest = [user.id for user in reversed(users)]
    seen = []
    for page, more in ((1, True), (2, True), (3, False), (4, False)):
        answer = await v1("GET", "/users", user=users[0], params={"page": page, "page_size": 2})
        body = answer.json()
        assert (body["total"], body["page"], body["page_size"], body["has_next"]) == (5, page, 2, more)
        assert len(body["items"]) == {1: 2, 2: 2, 3: 1, 4: 0}[page]
        seen += [item["id"] for item in body["items"]]
    assert seen == newest
    default = (await v1("GET", "/users", user=users[0])).json()
    assert (default["page"], default["page_size"], default["has_next"]) == (1, 20, False)


async def test_a_page_that_ends_with_the_list_has_no_next(v1: Call) -> None:
    users = [await make_user() for _ in range(4)]
    body = (await v1("GET", "/users", user=users[0], params={"page": 2, "page_size": 2})).json()
    assert body["has_next"] is False


async def test_users_are_filtered_by_activity_and_deleted_ones_left_out(v1: Call) -> None:
    viewer = await make_user()
    idle = await make_user(is_active=False)
    await make_user(deleted_at="2026-01-01T00:00:00Z")
    for value, ids in (("true", [viewer.id]), ("False", [idle.id]), (None, [idle.id, viewer.id])):
        params = {"is_active": value} if value else {}
        body = (await v1("GET", "/users", user=viewer, params=params)).json()
        assert [item["id"] for item in body["items"]] == ids
        assert body["total"] == len(ids)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("page=0", "page"),
        ("page=-1", "page"),
        ("page=x", "page"),
        ("page=1.0", "page"),
        ("page=1_0", "page"),
        ("page=", "page"),
        ("page=" + "9" * 20, "page"),
        ("page=" + "9" * 5_000, "page"),
        ("page_size=0", "page_size"),
        ("page_size=101", "page_size"),
        ("page_size=%00", "page_size"),
        ("is_active=maybe", "is_active"),
        ("is_active=", "is_active"),
    ],
)
async def test_a_bad_query_is_refused(v1: Call, query: str, field: str) -> None:
    answer = await v1("GET", f"/users?{query}", user=await make_user())
    assert answer.status_code == 422
    assert [problem["field"] for problem in answer.json()["errors"]] == [field]


async def test_the_last_possible_page_is_an_empty_one(v1: Call) -> None:
    answer = await v1("GET", f"/users?page={2**63 - 1}&page_size=100", user=await make_user())
    assert answer.status_code == 200
    assert answer.json()["items"] == []


async def test_a_closed_directory_shows_others_to_admins_only(client_with: ClientWith) -> None:
    client = await client_with(user_directory="admin")
    user, admin = await make_user(), await make_admin()
    for path in ("/users", f"/users/{admin.id}"):
        answer = await client.v1("GET", path, user=user)
        assert (answer.status_code, answer.json()["error_code"]) == (403, "ADMIN_REQUIRED")
        assert (await client.v1("GET", path, user=admin)).status_code == 200
    assert (await client.v1("GET", f"/users/{user.id}", user=user)).status_code == 200


@pytest.mark.parametrize(
    ("id", "status"),
    [
        ("0", 404),
        ("-1", 404),
        ("999999", 404),
        (str(2**31), 404),
        (str(2**63), 404),
        ("9" * 50, 404),
        ("9" * 200, 422),
        ("abc", 422),
        ("1.5", 422),
        ("%00", 422),
        ("%D9%A1", 422),
        ("%20", 422),
    ],
)
async def test_an_id_of_nobody_is_not_found(v1: Call, id: str, status: int) -> None:
    admin = await make_admin()
    for method in ("GET", "PATCH", "DELETE"):
        body: dict[str, Any] = {"json": {}} if method == "PATCH" else {}
        answer = await v1(method, f"/users/{id}", user=admin, **body)
        assert answer.status_code == status
        if status == 404:
            assert answer.json() == {"detail": "User not found", "error_code": "USER_NOT_FOUND"}


async def test_a_user_changes_the_own_profile_and_nothing_else(v1: Call) -> None:
    user = await make_user()
    change = {"full_name": " Updated Name ", "email": "new@example.com", "is_admin": True, "is_active": False}
    answer = await v1("PATCH", f"/users/{user.id}", user=user, json=change)
    assert answer.status_code == 200
    body = answer.json()
    assert (body["full_name"], body["email"]) == ("Updated Name", "new@example.com")
    assert (body["is_admin"], body["is_active"]) == (False, True)
    assert (await v1("GET", f"/users/{user.id}", user=user)).json() == body


@pytest.mark.parametrize("change", [{}, {"full_name": None}, {"email": None, "full_name": None}])
async def test_what_a_change_leaves_out_stays(v1: Call, change: dict[str, Any]) -> None:
    user = await make_user(full_name="As it was")
    answer = await v1("PATCH", f"/users/{user.id}", user=user, json=change)
    assert (answer.json()["full_name"], answer.json()["email"]) == ("As it was", user.email)


async def test_a_change_is_refused_to_others_and_allowed_to_admins(v1: Call) -> None:
    user, other, admin = await make_user(), await make_user(), await make_admin()
    refused = await v1("PATCH", f"/users/{user.id}", user=other, json={"full_name": "Mine"})
    assert refused.status_code == 403
    assert refused.json() == {
        "detail": "Cannot update other user\N{RIGHT SINGLE QUOTATION MARK}s profile",
        "error_code": "NOT_OWNER",
    }
    answer = await v1("PATCH", f"/users/{user.id}", user=admin, json={"full_name": "Theirs"})
    assert answer.json()["full_name"] == "Theirs"


@pytest.mark.parametrize("change", [{"email": "no"}, {"full_name": ""}, {"email": 1}, {"full_name": []}, []])
async def test_a_change_that_cannot_be_is_refused(v1: Call, change: Any) -> None:
    user = await make_user()
    assert (await v1("PATCH", f"/users/{user.id}", user=user, json=change)).status_code == 422


async def test_an_email_in_use_is_refused(v1: Call) -> None:
    user, other = await make_user(), await make_user()
    answer = await v1("PATCH", f"/users/{user.id}", user=user, json={"email": other.email.upper()})
    assert answer.status_code == 400
    assert answer.json() == {"detail": "Email already in use", "error_code": "EMAIL_EXISTS"}


async def test_a_deleted_user_is_gone_but_the_orders_stay(v1: Call, resources: Any) -> None:
    admin, user = await make_admin(), await make_user(email="user@example.com")
    order = await make_order(user, (await make_product(), 1))
    token = await make_token(resources, user)
    answer = await v1("DELETE", f"/users/{user.id}", user=admin)
    assert (answer.status_code, answer.content) == (204, b"")
    assert (await v1("GET", f"/users/{user.id}", user=admin)).status_code == 404
    assert (await v1("DELETE", f"/users/{user.id}", user=admin)).status_code == 404
    assert (await v1("GET", "/auth/me", token=token)).status_code == 401
    login = {"username": "user@example.com", "password": PASSWORD}
    assert (await v1("POST", "/auth/login", json=login)).status_code == 401
    assert (await v1("GET", f"/orders/{order.id}", user=admin)).json()["user_id"] == user.id
    again = NEW_USER | {"email": "user@example.com"}
    assert (await v1("POST", "/users", user=admin, json=again)).status_code == 201
    assert not await Session.filter(user_id=user.id, revoked_at=None).exists()


async def test_the_last_admin_stays(v1: Call) -> None:
    admin = await make_admin()
    answer = await v1("DELETE", f"/users/{admin.id}", user=admin)
    assert (answer.status_code, answer.json()["error_code"]) == (400, "LAST_ADMIN")
    await make_admin()
    assert (await v1("DELETE", f"/users/{admin.id}", user=admin)).status_code == 204
