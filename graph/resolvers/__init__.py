"""What both faces can do: plain async functions of a context and values, which return rows or raise AppError.

They import no web framework and no GraphQL library. Authorization is the first line of each.
"""
