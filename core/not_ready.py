"""The error of a check of readiness that has more to say than that it failed."""


class NotReady(Exception):
    """A server answers, and cannot be used as it is; the message says why in a few words, for whoever looks."""
