"""What the mutations have in common."""

import strawberry

#: The one argument of every mutation.
WHAT = strawberry.argument(description="What to do it with.")
