"""What happens to every HTTP request before either API sees it: small pure ASGI layers, and what they read.

``app.py`` stacks the layers. Each takes the next application first; those that refuse a request take *render*,
which knows how the addressed API words an error. They are on the way of every request, so they work on the raw
headers and wait for nothing that is there already.
"""

from collections.abc import Callable

from starlette.responses import Response
from starlette.types import Scope

from core.errors import AppError

#: Returns the answer that words an error as the addressed API does.
Render = Callable[[Scope, AppError], Response]
