"""What travels over v1: frozen shapes, one for each view, because clients rely on exactly these keys.

Bodies (``…In``) are checked for shape alone, without coercion: ``"2"`` is not an integer, nor is ``true``.
Everything else is the resolvers' business; limits written beside a field only tell OpenAPI of theirs.
Views are plain dictionaries: FastAPI reads the schema of their ``TypedDict``, and nothing validates them again.
"""
