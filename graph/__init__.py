"""The GraphQL face, and the resolvers that both faces call."""
