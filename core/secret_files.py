"""Settings whose values are secrets, read from files: an environment is shown by tools, and inherited by children."""

from collections.abc import Iterable, Mapping
from pathlib import Path

#: What the name of such a variable ends with, as in the images of PostgreSQL and others.
SUFFIX = "_FILE"


def read_secret_files(environment: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    """Return the contents of the files that ``NAME_FILE`` names, by ``NAME``, without the line breaks at their ends.

    An empty file is as if its variable were not set.

    Args:
        environment: the variables.
        names: of the variables whose values may stand in a file.

    Raises:
        ValueError: a file cannot be read, or the value stands in the environment as well; the message says which.
    """
    found = {}
    for name in names:
        path = environment.get(name + SUFFIX)
        if not path:
            continue
        if environment.get(name):
            raise ValueError(f"{name} and {name}{SUFFIX} are both set; set one of them")
        try:
            value = Path(path).read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not text in UTF-8"
            raise ValueError(f"{name}{SUFFIX}: {path} cannot be read: {reason}") from None
        if value:
            found[name] = value
    return found
