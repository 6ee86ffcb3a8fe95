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
    │   ├── ProductNotFound        PRODUCT_NOT_FOUND
    │   ├── SessionNotFound        SESSION_NOT_FOUND
    │   ├── PersistedQueryNotFound PERSISTED_QUERY_NOT_FOUND
    │   └── RouteNotFound          NOT_FOUND
    ├── BusinessError         400
    │   ├── EmailTaken             EMAIL_EXISTS
    │   ├── InvalidProduct         INVALID_PRODUCT
    │   ├── InvalidQuantity        INVALID_QUANTITY
    │   ├── OrderNotCancellable    ORDER_NOT_CANCELLABLE
    │   └── LastAdmin              LAST_ADMIN
    ├── Conflict              409      CONFLICT
    ├── ValidationFailed      422      VALIDATION_ERROR
    ├── IdempotencyKeyReused  422      IDEMPOTENCY_KEY_REUSED
    ├── MethodNotAllowed      405      METHOD_NOT_ALLOWED
    ├── BodyTooLarge          413      VALIDATION_ERROR
    ├── RateLimited           429      RATE_LIMITED
    ├── DeadlineExceeded      503      DEADLINE_EXCEEDED
    └── InternalError         500      INTERNAL_ERROR
"""

from dataclasses import dataclass
from enum import Enum
from typing import ClassVar


class ErrorCode(Enum):
    """What went wrong, for programs. One enum feeds both faces."""

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
    PRODUCT_NOT_FOUND = "PRODUCT_NOT_FOUND"
    SESSION_NOT_FOUND = "SESSION_NOT_FOUND"
    PERSISTED_QUERY_NOT_FOUND = "PERSISTED_QUERY_NOT_FOUND"
    DOCUMENT_NOT_TRUSTED = "DOCUMENT_NOT_TRUSTED"
    NOT_FOUND = "NOT_FOUND"
    METHOD_NOT_ALLOWED = "METHOD_NOT_ALLOWED"
    EMAIL_EXISTS = "EMAIL_EXISTS"
    INVALID_PRODUCT = "INVALID_PRODUCT"
    INVALID_QUANTITY = "INVALID_QUANTITY"
    ORDER_NOT_CANCELLABLE = "ORDER_NOT_CANCELLABLE"
    LAST_ADMIN = "LAST_ADMIN"
    CONFLICT = "CONFLICT"
    VALIDATION_ERROR = "VALIDATION_ERROR"
    IDEMPOTENCY_KEY_REUSED = "IDEMPOTENCY_KEY_REUSED"
    RATE_LIMITED = "RATE_LIMITED"
    DEADLINE_EXCEEDED = "DEADLINE_EXCEEDED"
    INTERNAL_ERROR = "INTERNAL_ERROR"


class AppError(Exception):
    """An error that a caller may see.

    Args:
        message: the sentence shown; each class has a default.
        field: the path of the input that is at fault, outermost name first, where one is.
    """

    code: ClassVar[ErrorCode]
    status: ClassVar[int]
    default_message: ClassVar[str]

    def __init__(self, message: str | None = None, *, field: tuple[str, ...] | None = None) -> None:
        self.message = message or self.default_message
        self.field = field
        super().__init__(self.message)


class AuthenticationError(AppError):
    """The request carries no valid sign-in. A client refreshes its token, or asks the person to sign in."""

    status = 401


class NotAuthenticated(AuthenticationError):
    """No token at all."""

    code = ErrorCode.NOT_AUTHENTICATED
    default_message = "Not authenticated"


class TokenInvalid(AuthenticationError):
    """A token that is not ours, not of this kind, revoked, or whose user can no longer sign in."""

    code = ErrorCode.TOKEN_INVALID
    default_message = "Invalid token"


class TokenExpired(AuthenticationError):
    """A token that was good once."""

    code = ErrorCode.TOKEN_EXPIRED
    default_message = "Token has expired"


class SignInError(AppError):
    """The credentials given as input are wrong."""

    status = 401


class InvalidCredentials(SignInError):
    """Unknown email, wrong password and disabled account alike, so that none can be told apart."""

    code = ErrorCode.INVALID_CREDENTIALS
    default_message = "Invalid email or password"


class RefreshTokenInvalid(SignInError):
    """Unknown, expired, revoked and reused refresh tokens alike."""

    code = ErrorCode.REFRESH_TOKEN_INVALID
    default_message = "Invalid or expired refresh token"


class OneTimeTokenInvalid(SignInError):
    """Unknown, expired, superseded and used tokens of a mail alike.

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
    """The thing belongs to somebody else."""

    code = ErrorCode.NOT_OWNER
    default_message = "This belongs to another user"


class DocumentNotTrusted(PermissionDenied):
    """This server runs the documents of its manifest, and no others (``TANDEM_GRAPHQL_ONLY_TRUSTED``)."""

    code = ErrorCode.DOCUMENT_NOT_TRUSTED
    default_message = "Only trusted documents are run here"


class Missing(AppError):
    """Nothing has this id, or nothing that this viewer may know of."""

    status = 404


class UserNotFound(Missing):
    """No such user, or a deleted one."""

    code = ErrorCode.USER_NOT_FOUND
    default_message = "User not found"


class OrderNotFound(Missing):
    """No such order."""

    code = ErrorCode.ORDER_NOT_FOUND
    default_message = "Order not found"


class ProductNotFound(Missing):
    """No such product."""

    code = ErrorCode.PRODUCT_NOT_FOUND
    default_message = "Product not found"


class SessionNotFound(Missing):
    """No such session of this user, or one that has ended."""

    code = ErrorCode.SESSION_NOT_FOUND
    default_message = "Session not found"


class PersistedQueryNotFound(Missing):
    """No document of this hash is known here; the client sends it with its text, and it is known from then on.

    The message is that of Apollo's protocol, and clients go by it.
    """

    code = ErrorCode.PERSISTED_QUERY_NOT_FOUND
    default_message = "PersistedQueryNotFound"


class RouteNotFound(Missing):
    """No such address."""

    code = ErrorCode.NOT_FOUND
    default_message = "Not found"


class BusinessError(AppError):
    """Well-formed input that the rules of the shop refuse."""

    status = 400


class EmailTaken(BusinessError):
    """Another live user has this email, compared without regard to case."""

    code = ErrorCode.EMAIL_EXISTS
    default_message = "Email already exists"


class InvalidProduct(BusinessError):
    """An order names a product that does not exist or is archived."""

    code = ErrorCode.INVALID_PRODUCT
    default_message = "Invalid product ID"


class InvalidQuantity(BusinessError):
    """An order line asks for less than one, or for more than can be counted."""

    code = ErrorCode.INVALID_QUANTITY
    default_message = "Invalid quantity"


class OrderNotCancellable(BusinessError):
    """The order is already completed, failed or cancelled."""

    code = ErrorCode.ORDER_NOT_CANCELLABLE
    default_message = "Order cannot be cancelled"


class LastAdmin(BusinessError):
    """The change would leave the shop without an administrator."""

    code = ErrorCode.LAST_ADMIN
    default_message = "The last admin cannot be removed"


class Conflict(AppError):
    """Somebody else changed it first."""

    code = ErrorCode.CONFLICT
    status = 409
    default_message = "It was changed meanwhile"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with the input: where (outermost name first) and what, as a whole sentence."""

    field: tuple[str, ...]
    message: str


class ValidationFailed(AppError):
    """Input of the wrong shape, type or length.

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


class IdempotencyKeyReused(AppError):
    """The key was used before, with another request."""

    code = ErrorCode.IDEMPOTENCY_KEY_REUSED
    status = 422
    default_message = "Idempotency key was already used with a different request"


class MethodNotAllowed(AppError):
    """The address exists, the method does not."""

    code = ErrorCode.METHOD_NOT_ALLOWED
    status = 405
    default_message = "Method not allowed"


class BodyTooLarge(AppError):
    """The request body is over the limit (``TANDEM_MAX_BODY_BYTES``)."""

    code = ErrorCode.VALIDATION_ERROR
    status = 413
    default_message = "Request body is too large"


class RateLimited(AppError):
    """Too many requests, sign-in attempts or mails.

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
    """The operation took too long and was stopped (``TANDEM_GRAPHQL_DEADLINE_SECONDS``).

    What it had committed until then stays; a transaction that it was in is rolled back.
    """

    code = ErrorCode.DEADLINE_EXCEEDED
    status = 503
    default_message = "The operation took too long and was stopped"


class InternalError(AppError):
    """A defect of ours; its cause is in the log under the request id, never in the answer."""

    code = ErrorCode.INTERNAL_ERROR
    status = 500
    default_message = "Internal server error"
