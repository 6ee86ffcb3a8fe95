"""What names are sorted by: a key beside the name, since PostgreSQL without ICU knows no alphabet.

The key is compared by its bytes (``COLLATE "C"``), so a list has the same order whatever the database's locale is.
"""

from typing import Any
from unicodedata import category, combining, normalize

from tortoise import fields
from tortoise.models import Model

MAX_SORT_KEY = 200

#: Latin letters that Unicode does not decompose, though they stand with another in alphabets.
_LETTERS = str.maketrans(
    dict(zip("ðđħ\N{LATIN SMALL LETTER DOTLESS I}ĸłŋøŧ", "ddhiklnot", strict=True))
    | {"æ": "ae", "œ": "oe", "þ": "th"}
)
#: The first letters of the general categories of what separates words: punctuation, symbols, separators, controls.
_BETWEEN_WORDS = frozenset("PSZC")


def sort_key(text: str) -> str:
    """Return what *text* is sorted by: its letters and digits without case and marks, its words parted by one space.

    Compatibility forms are as good as what they stand for (NFKD). Where nothing of that is left, as of a name made of
    symbols, it is the text itself.
    """
    folded = normalize("NFKD", normalize("NFKD", text).casefold())
    plain = "".join(
        [
            " " if category(one)[0] in _BETWEEN_WORDS else one
            for one in folded
            if not combining(one) and category(one) != "Cf"
        ]
    )
    return (" ".join(plain.translate(_LETTERS).split()) or folded)[:MAX_SORT_KEY]


class SortKeyField(fields.CharField[str]):
    """The sort key of another column, computed whenever the row is saved.

    An ``update()`` of a queryset saves no row: it has to set the key together with what it is the key of.

    Args:
        of: the other column.
    """

    def __init__(self, of: str = "", **options: Any) -> None:
        super().__init__(**{"max_length": MAX_SORT_KEY, **options})
        self.of = of

    def to_db_value(self, value: Any, instance: type[Model] | Model) -> Any:
        """Return the key, of a row that of its present text; the row gets it, too."""
        if isinstance(instance, Model):
            value = sort_key(getattr(instance, self.of))
            setattr(instance, self.model_field_name, value)
        return super().to_db_value(value, instance)
