"""The GraphQL types. Their source objects are the rows themselves: a plain field is an attribute."""

# First of all: an enum that a type uses before it is described gets a definition without a word.
from graph.types import enums as enums
