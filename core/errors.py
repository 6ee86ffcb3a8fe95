"""Every error that a caller can be shown, in one tree.

REST renders an error as its ``status`` with ``{"detail", "error_code"}``. GraphQL shows it as data in a
mutation's payload, or in ``errors[].extensions.code``. What is not in this tree is a defect, and is shown
as INTERNAL_ERROR without a word of its cause.

::

    AppError
    ├── AuthenticationError   401  the request has no valid sign-in; GraphQL reports it at the top level
    │   ├── NotAuthenticated       NOT_AUTHENTICATED
    │   ├── TokenInvalid           TOKEN_INVALID
    │   └── TokenExpired           TOKEN_EXPIRED
    ├── SignInError           401  the credentials handed over as input are wrong
    │   ├── InvalidCredentials     INVALID_CREDENTIALS
    │   ├── RefreshTokenInvalid    REFRESH_TOKEN_INVALID
    │   └── OneTimeTokenInvalid    ONE_TIME_TOKEN_INVALID
    ├── PermissionDenied      403
    │   ├── AdminRequired          ADMIN_REQUIRED
    │   ├── NotOwner               NOT_OWNER
    │   └── DocumentNotTrusted     DOCUMENT_NOT_TRUSTED
    ├── Missing               404
    │   ├── UserNotFound           USER_NOT_FOUND
    │   ├── OrderNotFound          ORDER_NOT_FOUND
    │   ├── OrderItemNotFound      ORDER_ITEM_NOT_FOUND
    │   ├── ProductNotFound        PRODUCT_NOT_FOUND
    │   ├── SessionNotFound        SESSION_NOT_FOUND
    │   ├── StockMovementNotFound  STOCK_MOVEMENT_NOT_FOUND
    │   ├── PersistedQueryNotFound PERSISTED_QUERY_NOT_FOUND
    │   └── RouteNotFound          NOT_FOUND
    ├── BusinessError         400
    │   ├── EmailTaken             EMAIL_EXISTS
    │   ├── ReferenceTaken         REFERENCE_TAKEN
    │   ├── InvalidProduct         INVALID_PRODUCT
    │   ├── InvalidQuantity        INVALID_QUANTITY
    │   ├── OrderNotCancellable    ORDER_NOT_CANCELLABLE
    │   ├── OrderNotRetryable      ORDER_NOT_RETRYABLE
    │   └── LastAdmin              LAST_ADMIN
    ├── Conflict              409      CONFLICT
    │   └── PriceChanged           PRICE_CHANGED
    ├── ValidationFailed      422      VALIDATION_ERROR
    ├── IdempotencyKeyReused  422      IDEMPOTENCY_KEY_REUSED
    ├── MethodNotAllowed      405      METHOD_NOT_ALLOWED
    ├── BodyTooLarge          413      VALIDATION_ERROR
    ├── MalformedRequest      400      VALIDATION_ERROR
    ├── HeadTimeout           408      VALIDATION_ERROR
    ├── TargetTooLong         414      VALIDATION_ERROR
    ├── HeadTooLarge          431      VALIDATION_ERROR
    ├── UnsupportedMediaType  415      UNSUPPORTED_MEDIA_TYPE
    ├── AnswerTooLarge        422      ANSWER_TOO_LARGE
    ├── RateLimited           429      RATE_LIMITED
    ├── DeadlineExceeded      503      DEADLINE_EXCEEDED
    ├── ServiceUnavailable    503      SERVICE_UNAVAILABLE
    └── InternalError         500      INTERNAL_ERROR

A class is the one place of its code, status, message and description: GraphQL's ``ErrorCode`` is described by them,
and tests hold this picture and the tables of ``docs/api-v1.md`` to them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar


class ErrorCode(Enum):
    """What went wrong, for programs: the same codes in GraphQL and REST."""

    INVALID_CREDENTIALS = "INVALID_CREDENTIALS"
    NOT_AUTHENTICATED = "NOT_AUTHENTICATED"
    TOKEN_INVALID = "TOKEN_INVALID"  # noqa: S105
    TOKEN_EXPIRED = "TOKEN_EXPIRED"  # noqa: S105
    REFRESH_TOKEN_INVALID = "REFRESH_TOKEN_INVALID"  # noqa: S105
    ONE_TIME_TOKEN_INVALID = "ONE_TIME_TOKEN_INVALID"  # noqa: S105
    ADMIN_REQUIRED = "ADMIN_REQUIRED"
    NOT_OWNER = "NOT_OWNER"
    USER_NOT_FOUND = "USER_NOT_FOUND"
    ORDER_NOT_FOUND = "ORDER_NOT_FOUND"
    ORDER_ITEM_NOT_FOUND = "ORDER_ITEM_NOT_FOUND"
    PRODUCT_NOT_FOUND = "PRODUCT_NOT_FOUND"
    SESSION_NOT_FOUND = "SESSION_NOT_FOUND"
    STOCK_MOVEMENT_NOT_FOUND = "STOCK_MOVEMENT_NOT_FOUND"
    PERSISTED_QUERY_NOT_FOUND = "PERSISTED_QUERY_NOT_FOUND"
    DOCUMENT_NOT_TRUSTED = "DOCUMENT_NOT_TRUSTED"
    NOT_FOUND = "NOT_FOUND"
    METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
    UNSUPPORTED_MEDIA_TYPE = "UNSUPPORTED_MEDIA_TYPE"
    EMAIL_EXISTS = "EMAIL_EXISTS"
    REFERENCE_TAKEN = "REFERENCE_TAKEN"
    INVALID_PRODUCT = "INVALID_PRODUCT"
    INVALID_QUANTITY = "INVALID_QUANTITY"
    ORDER_NOT_CANCELLABLE = "ORDER_NOT_CANCELLABLE"
    ORDER_NOT_RETRYABLE = "ORDER_NOT_RETRYABLE"
    LAST_ADMIN = "LAST_ADMIN"
    CONFLICT = "CONFLICT"
    PRICE_CHANGED = "PRICE_CHANGED"
    VALIDATION_ERROR = "VALIDATION_ERROR"
    IDEMPOTENCY_KEY_REUSED = "IDEMPOTENCY_KEY_REUSED"
    ANSWER_TOO_LARGE = "ANSWER_TOO_LARGE"
    RATE_LIMITED = "RATE_LIMITED"
    DEADLINE_EXCEEDED = "DEADLINE_EXCEEDED"
    SERVICE_UNAVAILABLE = "SERVICE_UNAVAILABLE"
    INTERNAL_ERROR = "INTERNAL_ERROR"


class AppError(Exception):
    """An error that a caller may see.

    The first paragraph of a class's docstring is what clients read of its code in the GraphQL schema.

    Args:
        message: the sentence shown; each class has a default.
        field: the path of the input that is at fault, outermost name first, where one is.
    """

    code: ClassVar[ErrorCode]
    status: ClassVar[int]
    default_message: ClassVar[str]
    #: Seconds until the next attempt can succeed, where waiting helps (``Retry-After``, RFC 9110 section 10.2.3).
    retry_after: int | None = None

    def __init__(self, message: str | None = None, *, field: tuple[str, ...] | None = None) -> None:
        self.message = message or self.default_message
        self.field = field
        super().__init__(self.message)

    @property
    def headers(self) -> dict[str, str]:
        """The headers of an answer that has it, on both faces."""
        return {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}

    def as_problems(self) -> tuple["Problem", ...]:
        """Return what is wrong one by one, at least one thing."""
        return (Problem(self.field or (), self.message),)

    @classmethod
    def description(cls) -> str:
        """Return what the error means, for clients."""
        paragraph, _, _ = (cls.__doc__ or "").partition("\n\n")
        return " ".join(paragraph.split())


class AuthenticationError(AppError):
    """The request carries no valid sign-in. A client refreshes its token, or asks the person to sign in."""

    status = 401


class NotAuthenticated(AuthenticationError):
    """The request carries no access token."""

    code = ErrorCode.NOT_AUTHENTICATED
    default_message = "Not authenticated"


class TokenInvalid(AuthenticationError):
    """The access token is not valid, or its session has ended: sign in again.

    That is a token that is not ours, not of this kind, revoked, or whose user can no longer sign in.
    """

    code = ErrorCode.TOKEN_INVALID
    default_message = "Invalid token"


class TokenExpired(AuthenticationError):
    """The access token has expired: refresh it."""

    code = ErrorCode.TOKEN_EXPIRED
    default_message = "Token has expired"


class SignInError(AppError):
    """The credentials given as input are wrong."""

    status = 401


class InvalidCredentials(SignInError):
    """The email or the password is wrong, or the account cannot sign in.

    One error for all of them, so that nobody learns which accounts there are.
    """

    code = ErrorCode.INVALID_CREDENTIALS
    default_message = "Invalid email or password"


class RefreshTokenInvalid(SignInError):
    """The refresh token is unknown, expired, revoked or used before: sign in again."""

    code = ErrorCode.REFRESH_TOKEN_INVALID
    default_message = "Invalid or expired refresh token"


class OneTimeTokenInvalid(SignInError):
    """The token of a mail is unknown, expired, superseded or used: ask for a new one.

    Its code is not TOKEN_INVALID, upon which clients refresh their access token.
    """

    code = ErrorCode.ONE_TIME_TOKEN_INVALID
    default_message = "The token is not, or no longer, valid: ask for a new one"


class PermissionDenied(AppError):
    """Signed in, but not allowed."""

    status = 403


class AdminRequired(PermissionDenied):
    """Only an administrator may do this."""

    code = ErrorCode.ADMIN_REQUIRED
    default_message = "Not an admin"


class NotOwner(PermissionDenied):
    """It belongs to another user."""

    code = ErrorCode.NOT_OWNER
    default_message = "This belongs to another user"


class DocumentNotTrusted(PermissionDenied):
    """The server runs trusted documents only, and this is none of them.

    They are those of its manifest (``TANDEM_GRAPHQL_ONLY_TRUSTED``).
    """

    code = ErrorCode.DOCUMENT_NOT_TRUSTED
    default_message = "Only trusted documents are run here"


class Missing(AppError):
    """Nothing has this id, or nothing that this viewer may know of."""

    status = 404


class UserNotFound(Missing):
    """There is no such user, or it is deleted."""

    code = ErrorCode.USER_NOT_FOUND
    default_message = "User not found"


class OrderNotFound(Missing):
    """There is no such order."""

    code = ErrorCode.ORDER_NOT_FOUND
    default_message = "Order not found"


class OrderItemNotFound(Missing):
    """There is no such item of an order."""

    code = ErrorCode.ORDER_ITEM_NOT_FOUND
    default_message = "Order item not found"


class ProductNotFound(Missing):
    """There is no such product."""

    code = ErrorCode.PRODUCT_NOT_FOUND
    default_message = "Product not found"


class SessionNotFound(Missing):
    """The viewer has no such session, or it has ended."""

    code = ErrorCode.SESSION_NOT_FOUND
    default_message = "Session not found"


class StockMovementNotFound(Missing):
    """There is no such stock movement."""

    code = ErrorCode.STOCK_MOVEMENT_NOT_FOUND
    default_message = "Stock movement not found"


class PersistedQueryNotFound(Missing):
    """No document of this hash is known: send it with its text, and it is known from then on.

    The message is that of Apollo's protocol, and clients go by it.
    """

    code = ErrorCode.PERSISTED_QUERY_NOT_FOUND
    default_message = "PersistedQueryNotFound"


class RouteNotFound(Missing):
    """There is nothing at this address."""

    code = ErrorCode.NOT_FOUND
    default_message = "Not found"


class BusinessError(AppError):
    """Well-formed input that the rules of the shop refuse."""

    status = 400


class EmailTaken(BusinessError):
    """Another user has this email; upper and lower case do not matter."""

    code = ErrorCode.EMAIL_EXISTS
    default_message = "Email already exists"


class ReferenceTaken(BusinessError):
    """Another order of the same user has this reference: find it by the filter."""

    code = ErrorCode.REFERENCE_TAKEN
    default_message = "Another of your orders has this reference"


class InvalidProduct(BusinessError):
    """A product of the order does not exist or is off sale."""

    code = ErrorCode.INVALID_PRODUCT
    default_message = "Invalid product ID"


class InvalidQuantity(BusinessError):
    """A quantity is below 1 or above 1,000,000, or the stock would leave its bounds."""

    code = ErrorCode.INVALID_QUANTITY
    default_message = "Invalid quantity"


class OrderNotCancellable(BusinessError):
    """The order is already completed, failed or cancelled."""

    code = ErrorCode.ORDER_NOT_CANCELLABLE
    default_message = "Order cannot be cancelled"


class OrderNotRetryable(BusinessError):
    """The order did not fail for a fault of the server, or cannot be processed any more."""

    code = ErrorCode.ORDER_NOT_RETRYABLE
    default_message = "Order cannot be retried"


class LastAdmin(BusinessError):
    """The shop would be left without an administrator."""

    code = ErrorCode.LAST_ADMIN
    default_message = "The last admin cannot be removed"


class Conflict(AppError):
    """Somebody else changed it first: read it again."""

    code = ErrorCode.CONFLICT
    status = 409
    default_message = "It was changed meanwhile"


class PriceChanged(Conflict):
    """The items do not cost what was expected: show the present prices, and ask again.

    Args:
        prices: what one piece of each item costs now, in minor units.
        total: what all pieces of all items cost together, in minor units.
    """

    code = ErrorCode.PRICE_CHANGED
    default_message = "The prices have changed"

    def __init__(self, message: str | None = None, *, prices: Sequence[int] = (), total: int = 0) -> None:
        super().__init__(message, field=("expected_total",))
        self.prices = prices
        self.total = total


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with the input: where (outermost name first) and what, as a whole sentence."""

    field: tuple[str, ...]
    message: str


class ValidationFailed(AppError):
    """The input or the GraphQL document is not valid: wrong in shape, type or length, or beyond a limit.

    Args:
        problems: everything that is wrong, at least one; the first makes the message.
    """

    code = ErrorCode.VALIDATION_ERROR
    status = 422
    default_message = "Invalid input"

    def __init__(self, *problems: Problem) -> None:
        self.problems = problems
        first = problems[0] if problems else Problem((), self.default_message)
        super().__init__(first.message, field=first.field or None)

    def as_problems(self) -> tuple[Problem, ...]:
        return self.problems or super().as_problems()


class IdempotencyKeyReused(AppError):
    """The idempotency key was used before, for another request."""

    code = ErrorCode.IDEMPOTENCY_KEY_REUSED
    status = 422
    default_message = "Idempotency key was already used with a different request"


class MethodNotAllowed(AppError):
    """The address does not take this HTTP method."""

    code = ErrorCode.METHOD_NOT_ALLOWED
    status = 405
    default_message = "Method not allowed"


class BodyTooLarge(AppError):
    """The request body has more bytes than the server takes.

    The limit is ``TANDEM_MAX_BODY_BYTES``.
    """

    code = ErrorCode.VALIDATION_ERROR
    status = 413
    default_message = "Request body is too large"


class MalformedRequest(AppError):
    """The request is not well-formed HTTP/1.1."""

    code = ErrorCode.VALIDATION_ERROR
    status = 400
    default_message = "Invalid HTTP request received"


class HeadTimeout(AppError):
    """The head of the request did not arrive in time."""

    code = ErrorCode.VALIDATION_ERROR
    status = 408
    default_message = "Request head took too long"


class TargetTooLong(AppError):
    """The address of the request is too long."""

    code = ErrorCode.VALIDATION_ERROR
    status = 414
    default_message = "Request target is too long"


class HeadTooLarge(AppError):
    """The head of the request has more than 64 kB or 100 lines."""

    code = ErrorCode.VALIDATION_ERROR
    status = 431
    default_message = "Request head is too large"


class UnsupportedMediaType(AppError):
    """The request body is sent as something else than JSON, or compressed.

    Args:
        header: the one of the answer that says what would be taken (RFC 9110 section 15.5.16).
        accepted: its value.
    """

    code = ErrorCode.UNSUPPORTED_MEDIA_TYPE
    status = 415
    default_message = "Request body must be sent as application/json"

    def __init__(
        self, message: str | None = None, *, header: str = "Accept", accepted: str = "application/json"
    ) -> None:
        super().__init__(message)
        self._accepted = {header: accepted}

    @property
    def headers(self) -> dict[str, str]:
        return self._accepted


class AnswerTooLarge(AppError):
    """The answer has more bytes than the server sends: ask for less at once. What a mutation has done stays done.

    The limit is ``TANDEM_MAX_ANSWER_BYTES``.
    """

    code = ErrorCode.ANSWER_TOO_LARGE
    status = 422
    default_message = "The answer is too large: ask for less at once"


class RateLimited(AppError):
    """Too many requests, sign-in attempts or mails: wait, and try again.

    Args:
        retry_after: seconds until the next attempt can succeed, at least 1.
    """

    code = ErrorCode.RATE_LIMITED
    status = 429
    default_message = "Rate limit exceeded"

    def __init__(self, message: str | None = None, *, retry_after: int = 60) -> None:
        super().__init__(message)
        self.retry_after = max(1, retry_after)


class DeadlineExceeded(AppError):
    """The operation took too long and was stopped: what it was to change is changed as a whole, or not at all.

    The limit is ``TANDEM_DEADLINE_SECONDS``. What the operation had committed until then stays, a transaction that
    it was in is rolled back, and a statement that is its own transaction is cancelled. No client can know whether a
    server that has stopped answering will still carry out what it was sent before: an idempotency key tells.
    """

    code = ErrorCode.DEADLINE_EXCEEDED
    status = 503
    default_message = "The operation took too long and was stopped"


class ServiceUnavailable(AppError):
    """The server cannot reach its database just now, or has too many passwords to check: wait, and try again.

    What was being sent to the database as the connection broke may have been carried out, as with
    :class:`DeadlineExceeded`.
    """

    code = ErrorCode.SERVICE_UNAVAILABLE
    status = 503
    default_message = "The service is unavailable just now"
    retry_after = 5


class InternalError(AppError):
    """Something broke in the server. Report the header `X-Request-ID`: the log has the cause under it.

    The cause itself is never in the answer.
    """

    code = ErrorCode.INTERNAL_ERROR
    status = 500
    default_message = "Internal server error"


def error_classes(kind: type[AppError] = AppError) -> Iterator[type[AppError]]:
    """Yield the errors that have a code, as the tree has them."""
    for child in kind.__subclasses__():
        if "code" in vars(child):
            yield child
        yield from error_classes(child)


def code_descriptions() -> dict[str, str]:
    """Return what each code means, for clients: what its error says, or all of them if it has several."""
    found: dict[str, list[str]] = {}
    for kind in error_classes():
        found.setdefault(kind.code.name, []).append(kind.description())
    return {code: " Or: ".join(descriptions) for code, descriptions in found.items()}
