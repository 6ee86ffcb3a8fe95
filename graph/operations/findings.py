"""What a look at the system has found, a sentence each, and what to do."""

from dataclasses import dataclass, field
from enum import StrEnum


class State(StrEnum):
    """What a finding comes to."""

    OK = "ok"
    WARNING = "warning"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Args:
        check: what it is part of.
        says: a sentence for the person at the terminal.
        remedy: what to do; empty where nothing is to be done.
    """

    check: str
    state: State
    says: str
    remedy: str = ""


@dataclass(slots=True)
class Findings:
    """Collects what is found of one part."""

    check: str
    list: "list[Finding]" = field(default_factory=list)

    def ok(self, says: str) -> None:
        """Note that something is as it should be."""
        self.list.append(Finding(self.check, State.OK, says))

    def warning(self, says: str, remedy: str) -> None:
        """Note what does not hinder, but should be known."""
        self.list.append(Finding(self.check, State.WARNING, says, remedy))

    def fault(self, says: str, remedy: str) -> None:
        """Note what hinders."""
        self.list.append(Finding(self.check, State.FAULT, says, remedy))

    def clock(self, seconds: float) -> None:
        """Note by how much a server's clock is ahead of this machine's, in *seconds*."""
        says = f"Its clock is {abs(seconds):.1f} s {'ahead of' if seconds > 0 else 'behind'} that of this machine."
        remedy = "Keep all clocks in step (NTP): leases, sessions and tokens go by them."
        if abs(seconds) > CLOCK_FAULT:
            self.fault(says, remedy)
        elif abs(seconds) > CLOCK_WARNING:
            self.warning(says, remedy)
        else:
            self.ok("Its clock agrees with that of this machine.")


#: Seconds by which clocks may differ before it is worth a word, and before tokens are refused for it.
CLOCK_WARNING, CLOCK_FAULT = 2.0, 60.0
