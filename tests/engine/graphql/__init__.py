"""The executor beside graphql-core: random schemas, data and documents, and tables of the specification's rules."""
