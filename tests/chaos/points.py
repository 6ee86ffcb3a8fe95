"""Where a worker process may be told to die, or to freeze (``mortal``)."""

#: In the order in which it gets there: before and after the claim; after BEGIN, after each statement of the settling
#: transaction, and after COMMIT, when nothing is published yet.
POINTS = ("claim", "claimed", "begun", "held", "locked", "written", "committed")
