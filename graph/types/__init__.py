"""The GraphQL types. Their source objects are the rows themselves: a field without a resolver is an attribute."""
