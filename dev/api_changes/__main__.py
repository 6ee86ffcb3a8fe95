"""``python -m dev.api_changes`` brings the changes of both APIs in ``CHANGELOG.md`` up to date."""

from dev.api_changes.changelog import write_changes

write_changes()
